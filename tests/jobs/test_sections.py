"""What the sections of the page say of nights that went wrong, from literal rows."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.config import Config
from nightshelf.jobs.past_runs import last_runs, why_not
from nightshelf.jobs.sections.behaviour import came_back, shoppers_do
from nightshelf.jobs.sections.moved import what_moved
from nightshelf.jobs.sections.nights import data_in, gates, steps
from nightshelf.literals import frame_of
from nightshelf.report.page import Note, Section, Table
from nightshelf.tables import DRIFT, OPS_JOB_RUNS, QUARANTINE_EVENTS, SILVER_EVENTS
from nightshelf.tables import Table as Contract

DS = date(2026, 11, 24)
HELD = "gold.drift: the night's inputs have moved"
JOB_RUNS = (
    "run_id string, job string, ds date, status string, exit_code int, message string, "
    "started timestamp, seconds double, rows_in long, rows_out long"
)
EVENTS, REFUSED = "ds date, event_type string", "ds date, reason_code string"
NightOf = Callable[[Mapping[Contract, DataFrame]], Any]


@pytest.fixture(scope="module")
def night_of() -> NightOf:
    """A run of DS that reads those tables and knows no others."""

    def make(tables: Mapping[Contract, DataFrame], **options: Any) -> Any:
        def read(table: Contract, until: date = date.max, on: date | None = None) -> DataFrame:
            rows = tables[table].where(F.col("ds") <= until)
            return rows if on is None else rows.where(F.col("ds") == on)

        def has(table: Contract, on: date) -> bool:
            return table in tables and not read(table, on=on).isEmpty()

        store = SimpleNamespace(version=lambda table: 0 if table in tables else None, has=has)
        return SimpleNamespace(ds=DS, config=Config(**options), read=read, store=store)

    return make


def ended(minute: int, job: str, status: str, code: int = 0, said: str | None = None) -> Any:
    """A row of [ops.job_runs]."""
    started = datetime(2026, 11, 25, 1, minute, tzinfo=UTC)
    return (f"run-{minute}", job, DS, status, code, said, started, 1.5, 10, 5)


def notes(section: Section, alarms: bool = False) -> list[str]:
    return [b.text for b in section.blocks if isinstance(b, Note) and b.is_alarm >= alarms]


def tables(section: Section) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


def test_a_night_that_was_held_and_mended_is_told_as_mended(
    spark: SparkSession, night_of: NightOf
) -> None:
    told = [
        ended(1, "ingest", "done"),
        ended(2, "check_drift", "failed", 65, HELD),
        ended(3, "report", "done"),
        ended(4, "nightly", "failed", 65, HELD),
        ended(5, "ingest", "dry-run", 65, "held, had it been no dry run"),
        ended(6, "check_drift", "done"),
    ]

    def night(rows: list[Any]) -> Any:
        return night_of({OPS_JOB_RUNS: frame_of(spark, rows, JOB_RUNS)})

    held, mended = night(told[:5]), night(told)
    assert notes(gates(held), alarms=True) == [f"2026-11-24, check_drift: {HELD}"]
    assert notes(steps(held, last_runs(held)), alarms=True) == [f"check_drift: {HELD}"]
    assert notes(gates(mended)) == [f"2026-11-24, check_drift (mended): {HELD}"]
    shown = steps(mended, last_runs(mended))
    assert notes(gates(mended), alarms=True) == notes(shown, alarms=True) == []
    assert [(row[1], row[2]) for row in tables(shown)[0].rows] == [
        ("ingest", "done"), ("check_drift", "done"), ("report", "done"),
    ]  # fmt: skip


def test_lists_of_an_earlier_day_that_have_fallen_are_told_in_the_night_that_judged_them(
    spark: SparkSession, night_of: NightOf
) -> None:
    fallen = ended(1, "evaluate", "failed", 65, "a fall")
    judged = DS - timedelta(days=Config().evaluate.horizon_days)
    rows = [(*fallen[:2], judged, *fallen[3:])]
    night = night_of({OPS_JOB_RUNS: frame_of(spark, rows, JOB_RUNS)})
    assert notes(gates(night), alarms=True) == ["2026-11-17, evaluate: a fall"]


def ran(job: str, status: str, said: str | None = None) -> dict[str, Any]:
    """What `last_runs` tells of one job."""
    return {job: {"job": job, "status": status, "message": said}}


@pytest.mark.parametrize(
    ("last", "off", "told"),
    [
        ({}, None, "`check_drift` has not run yet."),
        (ran("ingest", "failed", "held"), None, "`check_drift` has not run: ingest failed."),
        (ran("check_drift", "failed", "full disk"), None, "`check_drift` failed: full disk."),
        (ran("check_drift", "skipped", "no use"), None, "`check_drift` was skipped: no use."),
        (ran("check_drift", "done"), "drift.enabled", "`drift.enabled` is false."),
        (ran("check_drift", "done"), None, "Nothing to compare."),
    ],
)
def test_why_a_night_has_nothing_of_a_job(last: Any, off: str | None, told: str) -> None:
    assert why_not(last, "check_drift", otherwise="Nothing to compare.", off=off) == told


def test_a_night_whose_events_were_not_let_in_says_so(
    spark: SparkSession, night_of: NightOf
) -> None:
    """The gate is before quarantine: of the night that it holds there are no refused rows."""
    before = date(2026, 11, 23)
    night = night_of(
        {
            SILVER_EVENTS: frame_of(spark, [(before, "click")], EVENTS),
            QUARANTINE_EVENTS: frame_of(spark, [(before, "robot")], REFUSED),
        }
    )
    assert notes(data_in(night, ran("ingest", "failed", "too many are faulty")), alarms=True) == [
        "No events of 2026-11-24 were let in: nothing of it is published. "
        "`ingest` failed: too many are faulty."
    ]


@pytest.mark.parametrize(
    ("path", "of_the_day", "without_a_day"),
    [
        ("log.csv", [("robot", "1", "25.00%")], [("bad_time", "6"), ("before_shop", "2")]),
        (
            "{ds}.csv",
            [("bad_time", "6", "60.00%"), ("robot", "1", "10.00%")],
            [("before_shop", "2")],
        ),
    ],
)
def test_faults_of_all_history_are_no_share_of_the_day(
    path: str, of_the_day: Any, without_a_day: Any, spark: SparkSession, night_of: NightOf
) -> None:
    """A night that reads all files again dates rows that tell no day, unless their file does."""
    refused = [
        (DS, reason)
        for reason, n in (("robot", 1), ("bad_time", 6), ("before_shop", 2))
        for _ in range(n)
    ]
    columns = {"user_id": "u", "item_id": "i", "event_ts": "t"}
    source = {
        "format": "csv",
        "path": path,
        "columns": columns,
        "constants": {"event_type": "view"},
    }
    night = night_of(
        {
            SILVER_EVENTS: frame_of(spark, [(DS, "view")] * 3, EVENTS),
            QUARANTINE_EVENTS: frame_of(spark, refused, REFUSED),
        },
        sources={"root": "shop", "events": source},
    )
    day, others = tables(data_in(night, ran("ingest", "done")))
    assert [tuple(row) for row in day.rows] == of_the_day
    assert others.title.startswith("Refused without a day of their own")
    assert [tuple(row) for row in others.rows] == without_a_day


def test_sections_say_why_there_is_nothing(night_of: NightOf) -> None:
    held = ran("ingest", "failed", "too many are faulty")
    assert notes(what_moved(night_of({}), held)) == ["`check_drift` has not run: ingest failed."]
    [behaviour] = notes(shoppers_do(night_of({}), held))
    assert behaviour.endswith("`analyse_behaviour` has not run: ingest failed.")
    off = night_of({}, drift={"enabled": False}, behaviour={"enabled": False})
    assert notes(what_moved(off, ran("check_drift", "done"))) == ["`drift.enabled` is false."]
    assert notes(shoppers_do(off, {}))[0].endswith("`behaviour.enabled` is false.")
    few = night_of({}, behaviour={"basket_least": 7})
    *_, rules = notes(shoppers_do(few, ran("analyse_behaviour", "done")))
    assert rules.startswith("Nothing in gold.basket_rules. No two items are together in 7 baskets")


def test_a_first_night_says_that_features_were_not_compared(
    spark: SparkSession, night_of: NightOf
) -> None:
    schema = (
        "ds date, subject string, name string, measure string, value double, before long, "
        "now long, limit_value double, values array<string>"
    )
    told = (DS, "events", "click", "change", 0.0, 5, 5, None, None)
    night = night_of({DRIFT: frame_of(spark, [told], schema)})
    last = ran("build_features", "done")
    assert notes(what_moved(night, last)) == ["Features were not compared. No earlier day has any."]
    assert notes(what_moved(night, ran("build_features", "failed", "no room"))) == [
        "Features were not compared. `build_features` failed: no room."
    ]


def test_the_newest_cohorts_of_many_are_shown() -> None:
    def told(weeks: int) -> list[dict[str, Any]]:
        cohorts = [DS - timedelta(weeks=n) for n in reversed(range(weeks))]
        return [
            {"cohort": week, "age_weeks": age, "active": 1, "users": 1_000 + n}
            for n, week in enumerate(cohorts)
            for age in range(weeks - n)
        ]

    few, many = came_back(told(26)), came_back(told(80))
    assert "newest" not in few.caption
    assert many.caption.endswith(" The newest 26 of 80 weeks.")
    assert "(1,053)" not in many.svg
    assert "(1,054)" in many.svg
    assert "(1,079)" in many.svg
    assert len(many.svg) < 1.01 * len(few.svg)
