"""A job for each day of a range: stopped by a bad day, going on after it."""

from datetime import UTC, datetime

import pytest

from nightshelf.tables import ITEM_NEIGHBOURS, OPS_JOB_RUNS
from tests.jobs.conftest import PLAIN, Invoke, Shop

RANGE = ("--ds-from", "2026-11-22", "--ds-to", "2026-11-24")


@pytest.mark.long
def test_a_backfill_goes_on_where_it_stopped(invoke: Invoke, shop: Shop) -> None:
    conf = ("--conf-file", shop.conf, *PLAIN)
    bad = shop.folder / "log" / "2026-11-23.csv"
    kept = bad.read_text()
    tried = invoke("backfill", *conf, "--job", "ingest", *RANGE, "--dry-run")
    assert tried.code == 0
    bad.unlink()
    missing = invoke("backfill", *conf, "--job", "ingest", *RANGE, "--dry-run")
    assert missing.code == 66
    stopped = invoke("backfill", *conf, "--job", "ingest", *RANGE)
    assert stopped.code == 66
    assert stopped.error.startswith("ingest of 2026-11-23: ")
    assert "1 of 3 days done" in stopped.out
    assert stopped.out.count("not done") == 2

    bad.write_text(kept)
    done = invoke("backfill", *conf, "--job", "ingest", *RANGE)
    assert done.code == 0, done.lines
    assert "3 of 3 days done" in done.out
    assert any(line["event"] == "goes on where it stopped" for line in done.lines)
    assert not list((shop.folder / "warehouse" / "ops" / "backfills").glob("*.json"))
    own = "job = 'ingest' AND run_id IS NOT NULL AND status != 'dry-run'"
    runs = shop.store.read(OPS_JOB_RUNS).where(own).orderBy("started").collect()
    assert [(row["ds"].day, row["status"]) for row in runs] == [
        (22, "done"), (23, "failed"), (23, "done"), (24, "done"),
    ]  # fmt: skip
    assert len({row["run_id"] for row in runs}) == len(runs)

    cf = invoke("backfill", *conf, "--job", "build_item_cf", *RANGE)
    assert cf.code == 0, cf.lines
    days = shop.store.read(ITEM_NEIGHBOURS).select("ds").distinct().collect()
    assert {row["ds"].day for row in days} == {22, 23, 24}


def test_a_range_that_is_none(invoke: Invoke, shop: Shop) -> None:
    def error(*arguments: str) -> str:
        ended = invoke("backfill", "--conf-file", shop.conf, *arguments)
        assert ended.code == 64
        return ended.error

    backwards = error("--job", "ingest", "--ds-from", "2026-11-24", "--ds-to", "2026-11-22")
    assert backwards.endswith("the first day is after the last")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    to_come = error("--job", "ingest", "--ds-from", "2026-11-24", "--ds-to", today)
    assert to_come.startswith(f"--ds-to {today}: that day is not over (UTC)")
    assert error("--job", "ingest", "--ds-to", "2026-11-22").startswith("--ds-from is missing")
    assert error(*RANGE).startswith("--job is missing: expected one of nightly, simulate_shop")
    assert error("--job", "ingest", *RANGE, "--ds", "2026-11-22").endswith("leave --ds out")
