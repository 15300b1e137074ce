"""Old days, old versions and old models go; what is in use stays."""

import os
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from nightshelf.jobs import maintain as maintain_job
from nightshelf.literals import frame_of
from nightshelf.tables import (
    CUSTOMERS,
    GOLD_RECOMMENDATIONS,
    ITEM_NEIGHBOURS,
    OPS_JOB_RUNS,
    OPS_MODELS,
    QUARANTINE_EVENTS,
    SERVING_RECOMMENDATIONS,
    SILVER_EVENTS,
    SILVER_USERS,
    TABLES,
    Table,
)
from tests.jobs.conftest import PLAIN, Invoke, Shop
from tests.jobs.test_rollback import row

KEEP_ONE = (
    *("--set", "maintenance.history_days=7", "--set", "maintenance.small_file_mb=1"),
    *("--set", "evaluate.horizon_days=6", "--set", "drift.reference_days=6"),
)


def files(shop: Shop, table: str) -> list[Path]:
    return list((shop.folder / "warehouse" / table).rglob("*.parquet"))


@pytest.mark.long
def test_what_no_night_reads_any_more_goes(
    invoke: Invoke, nights: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintain_job, "last_day_over", lambda: date(2026, 11, 30))
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


def days_of(shop: Shop, table: Table) -> list[tuple[str, str]]:
    """The days that a table has rows of, each with what its first column says."""
    rows = shop.store.read(table).select(table.columns[0].name, "ds").distinct().collect()
    return sorted((f"{row['ds']:%m-%d}", str(row[0])) for row in rows)


@pytest.mark.long
def test_of_users_what_was_told_last_stays(invoke: Invoke, shop: Shop) -> None:
    for day, users in ((1, "ab"), (2, "abc"), (18, "a"), (20, "ad"), (24, "a")):
        told = [(user, None, None, date(2026, 11, day)) for user in users]
        rows = frame_of(shop.spark, told, SILVER_USERS.schema)
        shop.store.publish(rows, SILVER_USERS, date(2026, 11, day))
        known = [(u, 0, 1, None, 1, 1, None, "new", None, date(2026, 11, day)) for u in users]
        rows = frame_of(shop.spark, known, CUSTOMERS.schema)
        shop.store.publish(rows, CUSTOMERS, date(2026, 11, day))
    manifest = shop.store.last_manifest(SILVER_USERS)
    conf = ("--conf-file", shop.conf, "--ds", "2026-11-24", *KEEP_ONE)
    assert invoke("maintain", *conf, "--dry-run").code == 0
    assert len(days_of(shop, SILVER_USERS)) == 9
    assert invoke("maintain", *conf).code == 0
    recent = [("11-18", "a"), ("11-20", "a"), ("11-20", "d"), ("11-24", "a")]
    assert days_of(shop, SILVER_USERS) == [("11-02", "b"), ("11-02", "c"), *recent]
    assert days_of(shop, CUSTOMERS) == recent
    assert shop.store.last_manifest(SILVER_USERS) == manifest
    assert invoke("maintain", *conf).code == 0
    assert len(days_of(shop, SILVER_USERS)) == 6


@pytest.mark.long
def test_refused_rows_that_expired_stay_away(invoke: Invoke, shop: Shop) -> None:
    for log in (shop.folder / "log").iterdir():
        log.write_text(log.read_text() + f"u1,i1,hover,{log.stem} 12:00:00,1\n")
    conf = ("--conf-file", shop.conf, "--ds", "2026-11-24", "--set", "ingest.quarantine_limit=0.5")
    two = ("--set", "maintenance.quarantine_days=2")
    assert invoke("ingest", *conf).code == 0
    refused = [(f"11-{day}", "unknown_type") for day in (22, 23, 24)]
    assert days_of(shop, QUARANTINE_EVENTS) == refused
    assert invoke("maintain", *conf, *two).code == 0
    assert days_of(shop, QUARANTINE_EVENTS) == refused[1:]
    assert invoke("ingest", *conf, *two).code == 0
    assert days_of(shop, QUARANTINE_EVENTS) == refused[1:]


def test_a_day_to_come_takes_nothing_away(invoke: Invoke, nights: Shop) -> None:
    before = nights.store.digest(ITEM_NEIGHBOURS)
    ended = invoke("maintain", "--conf-file", nights.conf, "--ds", "2062-11-24")
    assert ended.code == 64
    assert ended.error.startswith("--ds 2062-11-24: that day is not over, and no night of it")
    assert nights.store.digest(ITEM_NEIGHBOURS) == before


def age(folder: Path) -> None:
    """Makes what lies in a folder two days old."""
    then = time.time() - 2 * 86_400
    for path in folder.iterdir():
        os.utime(path, (then, then))


@pytest.mark.long
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
    staged = warehouse / "_staging" / "gold.recommendations"  # of runs that were killed
    for day in ("2026-09-01", "2026-11-23"):
        (staged / day).mkdir(parents=True)
        (staged / day / "part-0.parquet").touch()
    rows = []
    for name in ("old", "used", "new"):
        folder, day = made[name]
        told = row(name, 1, "promoted", f"models/{folder}", 0.7)
        at = datetime(day.year, day.month, day.day, 23)
        rows.append((*told[:2], day, *told[3:6], at, *told[7:]))
    shop.store.append(frame_of(shop.spark, rows, OPS_MODELS.schema), OPS_MODELS)
    backfilled = ("training/2026-09-10", "models/2026-09-10-eeeeeeeeeeee")
    for folder in backfilled:
        (warehouse / folder).mkdir()
    told = ("--conf-file", shop.conf, "--ds", "2026-11-24")
    with shop.store.locks.at_work("ops.models/2026-09-10"):
        assert invoke("maintain", *told).code == 0
        assert all((warehouse / folder).exists() for folder in backfilled)
    for folder in (warehouse / "models", warehouse / "training"):
        assert len(list(folder.iterdir())) > 3  # made today: perhaps another task's
        age(folder)
    age(staged / "2026-11-23")
    assert len(list(staged.iterdir())) == 2
    age(staged / "2026-09-01")
    ended = invoke("maintain", *told)
    assert ended.code == 0, ended.lines
    assert {path.name for path in (warehouse / "models").iterdir()} == {
        made["used"][0], made["new"][0], "text-gt-0123abcd",
    }  # fmt: skip
    assert {path.name for path in (warehouse / "training").iterdir()} == {"2026-11-23", "text"}
    assert (warehouse / "training" / "text" / "2026-11-23").exists()
    assert [folder.name for folder in staged.iterdir()] == ["2026-11-23"]


def test_weights_that_the_configuration_names_stay(invoke: Invoke, shop: Shop) -> None:
    models = shop.folder / "warehouse" / "models"
    kept = [models / f"2026-09-0{n}-aaaaaaaaaaaa-text" for n in (1, 2, 3)]
    for folder in (*kept, models / "2026-09-04-aaaaaaaaaaaa-text"):
        (folder / "weights").mkdir(parents=True)
    age(models)
    (shop.folder / "link").symlink_to(kept[0])
    there, back = kept[1], kept[2] / "weights"
    told = (
        *("--set", f"text.model={shop.folder}/link"),
        *("--set", f"text_training.back_translation=[{there}, {back}]"),
    )
    ended = invoke("maintain", "--conf-file", shop.conf, "--ds", "2026-11-24", *told)
    assert ended.code == 0, ended.lines
    assert sorted(models.iterdir()) == kept


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
