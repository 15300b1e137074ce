"""A whole night on the simulated shop, again and again, and what others read from it."""

import random
import shutil
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nightshelf.config import WarehouseConfig
from nightshelf.tables import (
    GOLD_RECOMMENDATIONS,
    ITEM_NEIGHBOURS,
    SERVING_RECOMMENDATIONS,
    SILVER_EVENTS,
    SILVER_ITEMS,
    Store,
    Table,
)
from tests.jobs.conftest import PLAIN, Invoke, Shop

SMALL = ("users=400", "items=150", "days=10", "sessions_per_day=0.6")
TABLES = (
    SILVER_EVENTS,
    SILVER_ITEMS,
    ITEM_NEIGHBOURS,
    GOLD_RECOMMENDATIONS,
    SERVING_RECOMMENDATIONS,
)
LAST = "2026-01-10"


def digests(store: Store, tables: tuple[Table, ...] = TABLES) -> dict[str, str]:
    return {table.name: store.digest(table) for table in tables}


def reader(spark: SparkSession, root: Path) -> Store:
    return Store(spark, WarehouseConfig(root=str(root)), "reader")


def arguments(root: Path) -> list[str]:
    told = ["--set", f"warehouse.root={root}"]
    for key in SMALL:
        told += ["--set", f"simulate.{key}"]
    return [*told, "--set", "text_training.enabled=false"]  # it has a test of its own


@pytest.mark.slow
@pytest.mark.long
def test_a_night_without_data_of_ones_own(
    invoke: Invoke, spark: SparkSession, tmp_path: Path
) -> None:
    root = tmp_path / "warehouse"
    first = invoke("nightly", *arguments(root))
    assert first.code == 0
    steps = {line["step"]: line for line in first.lines if line["event"] == "step"}
    assert list(steps) == [
        "simulate_shop", "ingest", "score_reviews", "build_item_text", "build_item_cf",
        "build_features", "build_samples", "check_drift", "train_towers", "train_ctr",
        "recommend", "train_text", "build_search_index", "rank_search", "analyse_behaviour",
        "evaluate", "report",
    ]  # fmt: skip
    assert steps["train_ctr"]["decision"] == "promoted"
    assert steps["recommend"]["ranked_by"].startswith("dcn_v2-2026-01-10-")
    assert steps["evaluate"]["status"] == "skipped"
    assert first.out.count("who lately chose") == 3
    assert "Because you" in first.out
    assert str(root) in first.out.replace("\n", "")
    store = reader(spark, root)
    users = store.read(SILVER_EVENTS).select("user_id").distinct().count()
    lists = store.read(SERVING_RECOMMENDATIONS).groupBy("user_id").count()
    known = spark.read.parquet(str(root / "shop" / "users")).count()
    assert lists.count() == known + 1 >= users + 1
    assert lists.where("count <> 20").isEmpty()

    again = invoke("nightly", *arguments(root))
    assert again.code == 0
    assert digests(reader(spark, root)) == digests(store)
    _readers_agree(spark, store)

    found = []
    for _ in range(2):  # without the model
        assert invoke("recommend", "--ds", LAST, *PLAIN, *arguments(root)).code == 0
        found.append(digests(reader(spark, root)))
    assert found[0] == found[1]
    _lists_hold_what_users_love(spark, reader(spark, root), root)


def _lists_hold_what_users_love(spark: SparkSession, store: Store, root: Path) -> None:
    """A third of a list is of the truth's best-loved category, one of twelve."""
    tastes = spark.read.parquet(str(root / "shop_truth" / "tastes"))
    loved = tastes.groupBy("user_id").agg(F.max_by("category", "weight").alias("loved"))
    active = store.read(SILVER_EVENTS).where("event_type = 'click'").groupBy("user_id").count()
    categories = store.read(SILVER_ITEMS).select("item_id", "category").distinct()
    share = (
        store.read(SERVING_RECOMMENDATIONS)
        .join(active.where("count >= 10"), "user_id")
        .join(loved, "user_id")
        .join(categories, "item_id")
        .agg(F.avg((F.col("category") == F.col("loved")).cast("double")))
    )
    assert share.collect()[0][0] > 0.33


def _readers_agree(spark: SparkSession, store: Store) -> None:
    """Spark SQL, delta-rs and DuckDB give one user's list and the whole table alike."""
    path = store.path(SERVING_RECOMMENDATIONS)
    columns = "rank, item_id, score, reason"
    by_spark = [
        tuple(r)
        for r in spark.sql(
            f"SELECT {columns} FROM delta.`{path}` WHERE user_id = 'u7' ORDER BY rank"
        ).collect()
    ]
    table = DeltaTable(path)
    query = QueryBuilder().register("lists", table)
    found = query.execute(
        f"SELECT {columns} FROM lists WHERE user_id = 'u7' ORDER BY rank"
    ).read_all()
    by_delta_rs = list(zip(*(found[name].to_pylist() for name in columns.split(", ")), strict=True))
    files = table.file_uris()
    by_duckdb = duckdb.execute(
        f"SELECT {columns} FROM read_parquet(?) WHERE user_id = 'u7' ORDER BY rank", [files]
    ).fetchall()
    assert len(by_spark) == 20
    assert by_spark == by_delta_rs == by_duckdb
    rows = store.read(SERVING_RECOMMENDATIONS).count()
    counted = query.execute("SELECT count(*) AS n FROM lists").read_all()
    assert counted["n"].to_pylist() == [rows]
    assert duckdb.execute("SELECT count(*) FROM read_parquet(?)", [files]).fetchall() == [(rows,)]


@pytest.mark.slow
@pytest.mark.long
def test_shuffled_and_repeated_input_gives_the_same_tables(invoke: Invoke, shop: Shop) -> None:
    assert invoke("nightly", *PLAIN, "--conf-file", shop.conf, "--ds", "2026-11-24").code == 0
    plain = digests(shop.store)
    for path in sorted((shop.folder / "log").iterdir()):
        header, *rows = path.read_text().splitlines()
        random.Random(3).shuffle(rows)
        path.write_text("\n".join([header, *rows]) + "\n")
        shutil.copy(path, path.with_name(f"{path.stem}-again.csv"))
    text = Path(shop.conf).read_text().replace("log/{ds}.csv", "log/{ds}*.csv")
    Path(shop.conf).write_text(text)
    shutil.rmtree(shop.folder / "warehouse")
    assert invoke("nightly", *PLAIN, "--conf-file", shop.conf, "--ds", "2026-11-24").code == 0
    assert digests(shop.store) == plain


@pytest.mark.slow
@pytest.mark.long
def test_an_older_night_run_again_changes_its_own_day_only(invoke: Invoke, shop: Shop) -> None:
    for ds in ("2026-11-23", "2026-11-24"):
        assert invoke("nightly", *PLAIN, "--conf-file", shop.conf, "--ds", ds).code == 0
    serving = digests(shop.store, (SERVING_RECOMMENDATIONS,))
    newer = (
        shop.store.read(GOLD_RECOMMENDATIONS).where("ds = '2026-11-24'").drop("run_id").collect()
    )
    before = shop.store.digest(GOLD_RECOMMENDATIONS, on=_day(23))
    shop.deliver(
        "2026-11-23",
        *(f"u{u},late{i},click,2026-11-23 09:0{u}:00,1" for u in range(5) for i in range(3)),
    )
    ended = invoke("nightly", *PLAIN, "--conf-file", shop.conf, "--ds", "2026-11-23")
    assert ended.code == 0
    assert any(line["event"] == "readers keep what is later" for line in ended.lines)
    assert shop.store.digest(GOLD_RECOMMENDATIONS, on=_day(23)) != before
    after = (
        shop.store.read(GOLD_RECOMMENDATIONS).where("ds = '2026-11-24'").drop("run_id").collect()
    )
    assert sorted(map(str, after)) == sorted(map(str, newer))
    assert digests(shop.store, (SERVING_RECOMMENDATIONS,)) == serving


def _day(day: int) -> "object":
    import datetime

    return datetime.date(2026, 11, day)


@pytest.mark.slow
@pytest.mark.long
def test_a_window_reads_recent_days_and_keeps_the_rest(invoke: Invoke, shop: Shop) -> None:
    conf = (*PLAIN, "--conf-file", shop.conf, "--set", "ingest.window_days=2")
    assert invoke("ingest", *conf, "--ds", "2026-11-23").code == 0
    (shop.folder / "log" / "2026-11-22.csv").unlink()
    second = invoke("ingest", *conf, "--ds", "2026-11-24")
    assert second.code == 0
    days = shop.store.read(SILVER_EVENTS).groupBy("ds").count().orderBy("ds").collect()
    assert [(str(r["ds"]), r["count"]) for r in days] == [
        ("2026-11-22", 10), ("2026-11-23", 10), ("2026-11-24", 10),
    ]  # fmt: skip


@pytest.mark.long
def test_an_old_night_run_again_keeps_what_later_files_told(invoke: Invoke, shop: Shop) -> None:
    night = ("--conf-file", shop.conf, "--set", "ingest.window_days=2", "--ds")
    late = "u1,late,click,2026-11-23 23:30:00,1"
    shop.deliver("2026-11-24", "u1,i1,click,2026-11-24 10:00:00,1", late)
    for day in ("2026-11-23", "2026-11-24"):
        assert invoke("ingest", *night, day).code == 0
    told = shop.store.digest(SILVER_EVENTS)
    assert invoke("ingest", *night, "2026-11-23").code == 0
    assert shop.store.digest(SILVER_EVENTS) == told
    assert shop.store.read(SILVER_EVENTS).where("item_id = 'late'").count() == 1


@pytest.mark.long
def test_days_whose_files_are_gone_keep_what_they_have(invoke: Invoke, shop: Shop) -> None:
    night = ("--conf-file", shop.conf, "--ds")
    assert invoke("ingest", *night, "2026-11-23").code == 0
    (shop.folder / "log" / "2026-11-22.csv").unlink()
    for _ in range(2):
        assert invoke("ingest", *night, "2026-11-24").code == 0
        days = shop.store.read(SILVER_EVENTS).groupBy("ds").count().collect()
        assert {(r["ds"].day, r["count"]) for r in days} == {(22, 10), (23, 10), (24, 10)}
