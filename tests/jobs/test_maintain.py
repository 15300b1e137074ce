"""Old days, old versions and old models go; what is in use stays."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from nightshelf.tables import (
    GOLD_RECOMMENDATIONS,
    ITEM_NEIGHBOURS,
    OPS_JOB_RUNS,
    OPS_MODELS,
    SERVING_RECOMMENDATIONS,
    SILVER_EVENTS,
    TABLES,
)
from tests.jobs.conftest import PLAIN, Invoke, Shop
from tests.jobs.test_rollback import row

KEEP_ONE = ("--set", "maintenance.history_days=7", "--set", "maintenance.small_file_mb=1")


def files(shop: Shop, table: str) -> list[Path]:
    return list((shop.folder / "warehouse" / table).rglob("*.parquet"))


@pytest.mark.long
def test_what_no_night_reads_any_more_goes(invoke: Invoke, nights: Shop) -> None:
    served = nights.store.digest(SERVING_RECOMMENDATIONS)
    events = nights.store.digest(SILVER_EVENTS)
    last = nights.store.digest(ITEM_NEIGHBOURS, on=date(2026, 11, 24))
    runs = nights.store.read(OPS_JOB_RUNS).count()
    before = len(files(nights, "ops/job_runs"))
    assert before > 5
    conf = ("--conf-file", nights.conf, "--ds", "2026-11-30", *KEEP_ONE)

    dry = invoke("maintain", *conf, "--dry-run")
    assert dry.code == 0
    assert "What maintenance would do" in dry.out
    assert nights.store.has(ITEM_NEIGHBOURS, date(2026, 11, 23))

    done = invoke("maintain", *conf)
    assert done.code == 0, done.lines
    assert not nights.store.has(ITEM_NEIGHBOURS, date(2026, 11, 23))
    assert nights.store.digest(ITEM_NEIGHBOURS, on=date(2026, 11, 24)) == last
    assert nights.store.digest(SERVING_RECOMMENDATIONS) == served
    assert nights.store.digest(SILVER_EVENTS) == events
    assert nights.store.read(OPS_JOB_RUNS).count() == runs + 2
    assert nights.store.read(OPS_JOB_RUNS).inputFiles() != []
    assert len(nights.store.read(OPS_JOB_RUNS).inputFiles()) <= 3
    # What a table is told to hold outlives the commits that change no row.
    for table in (SERVING_RECOMMENDATIONS, GOLD_RECOMMENDATIONS):
        assert nights.store.last_manifest(table)["ds"] == "2026-11-24"


def test_models_in_use_stay(invoke: Invoke, shop: Shop) -> None:
    warehouse = shop.folder / "warehouse"
    made = {
        "old": ("2026-09-01-aaaaaaaaaaaa", date(2026, 9, 1)),
        "used": ("2026-09-20-bbbbbbbbbbbb", date(2026, 9, 20)),
        "new": ("2026-11-20-cccccccccccc", date(2026, 11, 20)),
        "lost": ("2026-09-02-dddddddddddd", date(2026, 9, 2)),
    }
    for folder, _ in made.values():
        (warehouse / "models" / folder).mkdir(parents=True)
    for kept in ("models/text-gt-0123abcd", "training/2026-11-23", "training/text/2026-11-23"):
        (warehouse / kept).mkdir(parents=True)
    (warehouse / "training" / "2026-09-01").mkdir()
    rows = []
    for name in ("old", "used", "new"):
        folder, day = made[name]
        told = row(name, 1, "promoted", f"models/{folder}", 0.7)
        at = datetime(day.year, day.month, day.day, 23)
        rows.append((*told[:2], day, *told[3:6], at, *told[7:]))
    shop.store.append(shop.spark.createDataFrame(rows, OPS_MODELS.schema), OPS_MODELS)
    backfilled = ("training/2026-09-10", "models/2026-09-10-eeeeeeeeeeee")
    for folder in backfilled:
        (warehouse / folder).mkdir()
    told = ("--conf-file", shop.conf, "--ds", "2026-11-24")
    with shop.store.at_work("ops.models/2026-09-10"):
        assert invoke("maintain", *told).code == 0
        assert all((warehouse / folder).exists() for folder in backfilled)
    ended = invoke("maintain", *told)
    assert ended.code == 0, ended.lines
    assert {path.name for path in (warehouse / "models").iterdir()} == {
        made["used"][0], made["new"][0], "text-gt-0123abcd",
    }  # fmt: skip
    assert {path.name for path in (warehouse / "training").iterdir()} == {"2026-11-23", "text"}
    assert (warehouse / "training" / "text" / "2026-11-23").exists()


@pytest.mark.slow
@pytest.mark.long
def test_a_month_of_nights_leaves_few_files(invoke: Invoke, shop: Shop) -> None:
    month = [date(2026, 11, 24) + timedelta(days=n) for n in range(30)]
    for day in month:
        if day > month[0]:
            rows = (f"u{u},i{(u + day.day) % 4},click,{day} 10:0{u}:00,9.5" for u in range(5))
            shop.deliver(day.isoformat(), *rows)
        told = ("--conf-file", shop.conf, "--ds", day.isoformat())
        ended = invoke("nightly", *told, "--to", "recommend", *PLAIN)
        assert ended.code == 0, ended.lines
        if day.weekday() == 6:
            assert invoke("maintain", *told).code == 0
    assert not [*(shop.folder / "warehouse" / "_staging").rglob("*.parquet")]
    a_night = 12  # rows that it appends to a table of records, at most
    for table in TABLES:
        if shop.store.version(table) is None:
            continue
        live = len(shop.store.read(table).inputFiles())
        most = len(month) + 2 if table.daily else 8 * a_night
        assert live <= most, table.name
    assert len(shop.store.read(SERVING_RECOMMENDATIONS).inputFiles()) == 1
