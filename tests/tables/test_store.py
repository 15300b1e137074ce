"""Stage, audit, publish: what readers see, and what they never see."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from delta.tables import DeltaTable
from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession

from nightshelf.config import WarehouseConfig
from nightshelf.errors import ConfigError, DataQualityError, MissingInputError
from nightshelf.literals import frame_of
from nightshelf.tables import (
    ITEM_NEIGHBOURS,
    OPS_ERASED_USERS,
    SERVING_RECOMMENDATIONS,
    Store,
)
from nightshelf.tables.commits import Commits

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


def neighbours(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    return frame_of(spark, list(rows), ITEM_NEIGHBOURS.schema)


def row(item: str, ds: date, similarity: float = 0.5, rank: int = 1) -> tuple[Any, ...]:
    return (item, rank, "other", similarity, 3, ds)


def told(store: Store) -> list[tuple[str, date]]:
    fresh = Store(store.spark, store.config, "reader")
    rows = fresh.read(ITEM_NEIGHBOURS).orderBy("ds", "item_id").collect()
    return [(r["item_id"], r["ds"]) for r in rows]


def test_a_day_replaces_exactly_itself(spark: SparkSession, store: Store) -> None:
    store.publish(neighbours(spark, row("a", MONDAY), row("b", MONDAY)), ITEM_NEIGHBOURS, MONDAY)
    store.publish(neighbours(spark, row("a", TUESDAY)), ITEM_NEIGHBOURS, TUESDAY)
    rows = store.publish(neighbours(spark, row("c", MONDAY)), ITEM_NEIGHBOURS, MONDAY)
    assert rows == 1
    assert told(store) == [("c", MONDAY), ("a", TUESDAY)]


def test_a_range_replaces_its_days_at_once(spark: SparkSession, store: Store) -> None:
    store.publish(neighbours(spark, row("a", MONDAY)), ITEM_NEIGHBOURS, MONDAY)
    both = neighbours(spark, row("b", MONDAY), row("c", TUESDAY))
    store.publish(both, ITEM_NEIGHBOURS, TUESDAY, since=MONDAY)
    assert told(store) == [("b", MONDAY), ("c", TUESDAY)]
    assert store.version(ITEM_NEIGHBOURS) == 1


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([row("a", MONDAY, float("nan"))], r"1 rows with similarity outside \[-1e\+09, 1e\+09\]"),
        ([row("a", MONDAY, -2e9)], r"1 rows with similarity outside \[-1e\+09, 1e\+09\]"),
        ([row("a", MONDAY, 0.5, 0)], r"1 rows with rank outside \[1, any\]"),
        ([("a", 1, None, 0.5, 3, MONDAY)], "1 rows with neighbour_id null"),
        ([row("a", TUESDAY)], "1 rows with ds outside 2026-11-23 to 2026-11-23"),
        (
            [row("a", MONDAY), row("a", MONDAY)],
            r"the key \(item_id, rank, ds\) is not unique, such as item_id=a, rank=1",
        ),
    ],
)
def test_a_broken_promise_publishes_nothing(
    spark: SparkSession, store: Store, rows: list[tuple[Any, ...]], why: str
) -> None:
    store.publish(neighbours(spark, row("old", MONDAY)), ITEM_NEIGHBOURS, MONDAY)
    with pytest.raises(DataQualityError, match=why):
        store.publish(neighbours(spark, *rows), ITEM_NEIGHBOURS, MONDAY)
    assert told(store) == [("old", MONDAY)]
    assert not store.files.entries(f"{store.root}/_staging/{ITEM_NEIGHBOURS.name}")


def test_one_core_audits_as_many_do(
    spark: SparkSession, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SparkContext, "defaultParallelism", 1)
    rows = neighbours(spark, row("a", MONDAY), row("b", MONDAY))
    assert store.publish(rows, ITEM_NEIGHBOURS, MONDAY) == 2
    with pytest.raises(DataQualityError, match="is not unique"):
        store.publish(rows.union(rows), ITEM_NEIGHBOURS, MONDAY)


def test_other_columns_than_the_contract_are_refused(spark: SparkSession, store: Store) -> None:
    frame = neighbours(spark, row("a", MONDAY)).withColumnRenamed("co_users", "users")
    with pytest.raises(DataQualityError, match="co_users expected bigint, found absent"):
        store.publish(frame, ITEM_NEIGHBOURS, MONDAY)


def test_an_empty_list_is_never_published(spark: SparkSession, store: Store) -> None:
    empty = frame_of(spark, [], SERVING_RECOMMENDATIONS.schema)
    with pytest.raises(DataQualityError, match="an empty result is never published"):
        store.publish(empty, SERVING_RECOMMENDATIONS, MONDAY)


def test_readers_get_what_an_earlier_release_promised_otherwise(
    spark: SparkSession, store: Store
) -> None:
    """Delta's CHECK constraint is that of the contract which the rows are published by."""
    columns = SERVING_RECOMMENDATIONS.columns
    narrow = replace(
        SERVING_RECOMMENDATIONS,
        columns=tuple(replace(c, high=0.5) if c.name == "score" else c for c in columns),
    )
    for table, score in ((narrow, 0.4), (SERVING_RECOMMENDATIONS, 0.9), (narrow, 0.3)):
        told = {"rank": 1, "score": score, "ds": MONDAY, "features": None}
        values = [told.get(c.name, "x") for c in columns]
        frame = frame_of(spark, [values], table.schema)
        assert store.publish(frame, table, MONDAY) == 1
        store.versions.clear()
        assert [row["score"] for row in store.read(table).collect()] == [score]


def test_records_gain_the_columns_of_their_contract(spark: SparkSession, store: Store) -> None:
    earlier = replace(OPS_ERASED_USERS, columns=OPS_ERASED_USERS.columns[:-1])
    store.append_row(("a", MONDAY, "run-1"), earlier)
    store.append_row(("b", MONDAY, "run-2", datetime(2026, 11, 24)), OPS_ERASED_USERS)
    rows = {row["user_hash"]: row["told_at"] for row in store.read(OPS_ERASED_USERS).collect()}
    assert rows == {"a": None, "b": datetime(2026, 11, 24)}


def test_a_dry_run_checks_and_publishes_nothing(spark: SparkSession, store: Store) -> None:
    store.dry_run = True
    assert store.publish(neighbours(spark, row("a", MONDAY)), ITEM_NEIGHBOURS, MONDAY) == 1
    assert store.version(ITEM_NEIGHBOURS) is None


def test_the_commit_carries_the_manifest(spark: SparkSession, store: Store) -> None:
    store.manifest = {"run_id": "run-1", "config_hash": "abc"}
    frame = neighbours(spark, row("a", MONDAY))
    store.publish(frame, ITEM_NEIGHBOURS, MONDAY, about={"extra": [1]})
    assert store.last_manifest(ITEM_NEIGHBOURS) == {
        "run_id": "run-1", "config_hash": "abc", "extra": [1], "table": "gold.item_neighbours",
        "ds": "2026-11-23", "since": "2026-11-23", "rows": 1, "input_versions": {},
    }  # fmt: skip


def test_the_manifest_of_the_newest_day_up_to_a_day(spark: SparkSession, store: Store) -> None:
    assert store.commits(ITEM_NEIGHBOURS).newest_day(TUESDAY) == {}
    for day, told in ((MONDAY, "first"), (TUESDAY, "later"), (MONDAY, "again")):
        about = {"told": told}
        store.publish(neighbours(spark, row("a", day)), ITEM_NEIGHBOURS, day, about=about)
    commits = store.commits(ITEM_NEIGHBOURS)
    assert commits.newest_day(TUESDAY)["told"] == "later"
    assert commits.newest_day(MONDAY)["told"] == "again"
    assert commits.newest_day(MONDAY - timedelta(days=1)) == {}
    assert commits.nearest_day(TUESDAY)["told"] == "later"
    assert commits.nearest_day(MONDAY - timedelta(days=1))["told"] == "again"


@pytest.mark.parametrize("said", ["mended by hand", '{"note": 1}', "[]"])
def test_what_others_say_of_their_commits_is_no_manifest(
    spark: SparkSession, store: Store, said: str
) -> None:
    store.publish(neighbours(spark, row("a", MONDAY)), ITEM_NEIGHBOURS, MONDAY)
    delta = DeltaTable.forPath(spark, store.path(ITEM_NEIGHBOURS))
    with store.setting("spark.databricks.delta.commitInfo.userMetadata", said):
        delta.update("item_id = 'a'", {"similarity": "0.25"})
    commits = store.commits(ITEM_NEIGHBOURS)
    assert commits.newest_day(TUESDAY)["ds"] == "2026-11-23"
    assert (commits.manifest(), commits.first_day_changed(0, 1)) == ({}, date.min)


def test_a_run_reads_one_version_to_its_end(spark: SparkSession, store: Store) -> None:
    store.publish(neighbours(spark, row("a", MONDAY)), ITEM_NEIGHBOURS, MONDAY)
    assert store.read(ITEM_NEIGHBOURS).count() == 1
    other = Store(spark, store.config, "run-2")
    both = neighbours(spark, row("b", MONDAY), row("c", MONDAY))
    other.publish(both, ITEM_NEIGHBOURS, MONDAY)
    assert [r["item_id"] for r in store.read(ITEM_NEIGHBOURS).collect()] == ["a"]
    assert store.versions == {"gold.item_neighbours": 0}


@pytest.mark.long
def test_a_past_version_that_is_kept_no_more_is_a_missing_input(
    spark: SparkSession, store: Store
) -> None:
    def pinned(version: int) -> Store:
        then = Store(spark, store.config, "reader")
        then.pin({ITEM_NEIGHBOURS.name: version})
        return then

    for item in "ab":
        store.publish(neighbours(spark, row(item, MONDAY)), ITEM_NEIGHBOURS, MONDAY)
    assert [r["item_id"] for r in pinned(0).read(ITEM_NEIGHBOURS).collect()] == ["a"]
    with store.setting("spark.databricks.delta.retentionDurationCheck.enabled", "false"):
        DeltaTable.forPath(spark, store.path(ITEM_NEIGHBOURS)).vacuum(0)
    assert [r["item_id"] for r in pinned(1).read(ITEM_NEIGHBOURS).collect()] == ["b"]
    for gone in (0, 9):
        told = rf"^gold\.item_neighbours: version {gone} is kept no more"
        with pytest.raises(MissingInputError, match=told):
            pinned(gone).read(ITEM_NEIGHBOURS)


def test_a_table_never_published_is_a_missing_input(store: Store) -> None:
    with pytest.raises(
        MissingInputError, match=r"gold\.item_neighbours: no such table yet at file:"
    ):
        store.read(ITEM_NEIGHBOURS)


def test_digest_knows_rows_and_schema_but_not_order_or_run(
    spark: SparkSession, store: Store
) -> None:
    rows = [
        ("u", 1, "i", 0.5, "item_cf", "why", None, None, "m", "run-1", MONDAY),
        ("u", 2, "j", 0.4, "item_cf", "why", "i", None, "m", "run-1", MONDAY),
    ]

    def digest(rows: list[tuple[Any, ...]]) -> str:
        schema = SERVING_RECOMMENDATIONS.schema
        store.publish(frame_of(spark, rows, schema), SERVING_RECOMMENDATIONS, MONDAY)
        return Store(spark, store.config, "reader").digest(SERVING_RECOMMENDATIONS)

    first = digest(rows)
    assert digest([(*r[:9], "run-2", r[10]) for r in reversed(rows)]) == first
    assert digest([rows[0], (*rows[1][:3], 0.41, *rows[1][4:])]) != first


def test_readers_need_no_delta_feature_beyond_the_oldest(spark: SparkSession, store: Store) -> None:
    store.publish(neighbours(spark, row("a", MONDAY)), ITEM_NEIGHBOURS, MONDAY)
    detail = spark.sql(f"DESCRIBE DETAIL delta.`{store.path(ITEM_NEIGHBOURS)}`").collect()[0]
    assert detail["minReaderVersion"] == 1
    assert "delta.enableDeletionVectors" not in json.dumps(detail["properties"]) or (
        detail["properties"]["delta.enableDeletionVectors"] == "false"
    )


def test_tables_can_be_registered_in_a_metastore(spark: SparkSession, store: Store) -> None:
    config = WarehouseConfig(root=store.config.root, metastore_database="nightshelf_test")
    registered = Store(spark, config, "run-1")
    registered.publish(neighbours(spark, row("a", MONDAY)), ITEM_NEIGHBOURS, MONDAY)
    try:
        found = spark.sql("SELECT item_id FROM nightshelf_test.gold_item_neighbours").collect()
        assert [r["item_id"] for r in found] == ["a"]
        root = f"{store.config.root}/moved"
        moved = Store(spark, config.model_copy(update={"root": root}), "run-2")
        with pytest.raises(ConfigError, match="gold_item_neighbours` names the table at "):
            moved.publish(neighbours(spark, row("a", MONDAY)), ITEM_NEIGHBOURS, MONDAY)
        assert moved.version(ITEM_NEIGHBOURS) is None
    finally:
        spark.sql("DROP DATABASE nightshelf_test CASCADE")


def test_ranges_are_published_a_file_each(
    spark: SparkSession, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightshelf.tables.layout.LEAST_FILE_BYTES", 1)
    rows = [row(f"i{n:03d}", MONDAY) for n in range(40)]
    ranges = neighbours(spark, *rows).repartitionByRange(4, "item_id")
    store.publish(ranges, ITEM_NEIGHBOURS, MONDAY, in_ranges=True)
    files = store.read(ITEM_NEIGHBOURS).selectExpr("input_file_name() f", "item_id").collect()
    held: dict[str, list[str]] = {}
    for file, item in files:
        held.setdefault(file, []).append(item)
    assert len(held) == 2
    ends = sorted((min(items), max(items)) for items in held.values())
    assert ends[0][1] < ends[1][0]
    assert all(items == sorted(items) for items in held.values())
    nothing = frame_of(spark, [], ITEM_NEIGHBOURS.schema)
    assert store.publish(nothing, ITEM_NEIGHBOURS, TUESDAY, in_ranges=True) == 0


def test_the_first_day_that_later_commits_changed(spark: SparkSession, store: Store) -> None:
    def reader() -> Store:
        return Store(spark, store.config, "reader")

    store.publish(neighbours(spark, row("a", MONDAY)), ITEM_NEIGHBOURS, MONDAY)
    assert reader().changed_since(ITEM_NEIGHBOURS, 0) is None
    store.publish(neighbours(spark, row("b", TUESDAY)), ITEM_NEIGHBOURS, TUESDAY)
    assert reader().changed_since(ITEM_NEIGHBOURS, 0) == TUESDAY
    store.publish(neighbours(spark, row("b", MONDAY)), ITEM_NEIGHBOURS, TUESDAY, since=MONDAY)
    assert reader().changed_since(ITEM_NEIGHBOURS, 0) == MONDAY
    assert reader().changed_since(ITEM_NEIGHBOURS, 2) is None
    table = DeltaTable.forPath(spark, store.path(ITEM_NEIGHBOURS))
    table.optimize().executeCompaction()
    assert reader().changed_since(ITEM_NEIGHBOURS, 2) is None
    table.delete("item_id = 'b'")
    assert reader().changed_since(ITEM_NEIGHBOURS, 2) == date.min


def test_commits_that_are_not_kept_any_more_may_have_changed_anything(
    spark: SparkSession, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for item in "abc":
        store.publish(neighbours(spark, row(item, TUESDAY)), ITEM_NEIGHBOURS, TUESDAY)
    store.versions.clear()
    kept = Commits(tuple(c for c in store.commits(ITEM_NEIGHBOURS) if c.version != 1))
    monkeypatch.setattr(Store, "commits", lambda *_: kept)
    assert store.changed_since(ITEM_NEIGHBOURS, 0) == date.min
    assert store.changed_since(ITEM_NEIGHBOURS, 1) == TUESDAY
