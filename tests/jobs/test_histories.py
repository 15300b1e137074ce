"""Nights that add to the sums of settled days give what a full build gives."""

from datetime import date

import numpy as np
import pytest
from delta.tables import DeltaTable

from nightshelf.tables import ITEM_NEIGHBOURS, OPS_HISTORY_TOTALS, SILVER_EVENTS
from tests.jobs.conftest import Ended, Invoke, Shop

FULL = ("--set", "item_cf.settle_events=1000000")
SETTLED = ("--set", "item_cf.settle_events=1")


def deliver(shop: Shop, day: int) -> None:
    rng = np.random.default_rng(day)
    shop.deliver(
        f"2026-11-{day:02d}",
        *(
            f"u{rng.integers(12)},i{rng.integers(8)},{rng.choice(['click', 'purchase'])},"
            f"2026-11-{day:02d} 10:{minute:02d}:00,9"
            for minute in range(30)
        ),
    )


@pytest.fixture
def nights(shop: Shop) -> Shop:
    """Eight days of events, of which a night reads the last two again."""
    shop.configure("ingest: {window_days: 2}\n")
    for day in range(1, 9):
        deliver(shop, day)
    return shop


def built(invoke: Invoke, shop: Shop, day: int, *settings: str) -> tuple[str, Ended]:
    """The digest of the day's neighbours, and how the job ended."""
    ended = invoke(
        "build_item_cf", "--conf-file", shop.conf, "--ds", f"2026-11-{day:02d}", *settings
    )
    assert ended.code == 0
    return shop.store.digest(ITEM_NEIGHBOURS, date(2026, 11, day)), ended


def ingest(invoke: Invoke, shop: Shop, day: int, *settings: str) -> None:
    ds = f"2026-11-{day:02d}"
    assert invoke("ingest", "--conf-file", shop.conf, "--ds", ds, *settings).code == 0


def settled(ended: Ended) -> str | None:
    return next(line for line in ended.lines if line["event"] == "step").get("settled")


@pytest.mark.long
def test_settled_nights_equal_full_builds(invoke: Invoke, nights: Shop) -> None:
    ingest(invoke, nights, 8)
    decay = ("--set", "item_cf.half_life_days=1.5")  # so that the days that share sums run out
    used = []
    for day in range(6, 9):
        kept, ended = built(invoke, nights, day, *SETTLED, *decay)
        full, without = built(invoke, nights, day, *FULL, *decay)
        assert kept == full
        assert settled(without) is None
        used.append(settled(ended))
    assert used == [f"2026-11-{day - 1:02d}" for day in range(6, 9)]


@pytest.mark.long
def test_sums_are_used_until_much_has_come_since(
    invoke: Invoke, nights: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightshelf.jobs.histories.STALE_SHARE", 0.5)
    for day in (5, 6):
        ingest(invoke, nights, day)
        kept, ended = built(invoke, nights, day, *SETTLED)
        assert settled(ended) == "2026-11-04"
    assert kept == built(invoke, nights, 6, *FULL)[0]
    assert nights.store.version(OPS_HISTORY_TOTALS) == 0
    _, earlier = built(invoke, nights, 3, *SETTLED)
    assert settled(earlier) is None
    assert nights.store.version(OPS_HISTORY_TOTALS) == 0


@pytest.mark.long
def test_sums_of_days_that_changed_are_not_used(invoke: Invoke, nights: Shop) -> None:
    ingest(invoke, nights, 5)
    before, _ = built(invoke, nights, 5, *SETTLED)
    nights.deliver("2026-11-02", "u1,i7,purchase,2026-11-02 12:00:00,9")
    ingest(invoke, nights, 5, "--set", "ingest.window_days=null")
    kept, _ = built(invoke, nights, 5, *SETTLED)
    assert kept == built(invoke, nights, 5, *FULL)[0]
    assert kept != before
    events = DeltaTable.forPath(nights.spark, nights.store.path(SILVER_EVENTS))
    events.delete("user_id = 'u1'")  # a commit that says nothing of days
    kept, _ = built(invoke, nights, 5, *SETTLED)
    assert kept == built(invoke, nights, 5, *FULL)[0]


@pytest.mark.long
def test_a_dry_run_keeps_no_sums(invoke: Invoke, nights: Shop) -> None:
    ingest(invoke, nights, 5)
    _, ended = built(invoke, nights, 5, *SETTLED)
    assert settled(ended) == "2026-11-04"
    version = nights.store.version(OPS_HISTORY_TOTALS)
    ingest(invoke, nights, 8)
    arguments = ("--conf-file", nights.conf, "--ds", "2026-11-08", *SETTLED, "--dry-run")
    assert invoke("build_item_cf", *arguments).code == 0
    assert nights.store.version(OPS_HISTORY_TOTALS) == version
