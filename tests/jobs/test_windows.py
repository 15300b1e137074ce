"""Nights that read a window of days again, and keep what they read earlier."""

from pathlib import Path

import pytest
import yaml
from pyspark.sql import functions as F

from nightshelf.tables import QUARANTINE_EVENTS, SILVER_EVENTS, SILVER_ITEMS
from nightshelf.tables.erasing import erase
from tests.jobs.conftest import Invoke, Shop, night

HISTORY = """
  items:
    format: csv
    path: items.csv
    options: {header: true}
    columns: {item_id: item, price: price, valid_from: since}
"""
WINDOW_OF_ONE = "ingest: {window_days: 1, quarantine_limit: 0.5}\n"


def events_by_day(shop: Shop) -> dict[int, int]:
    """Events of each day of November."""
    rows = shop.store.read(SILVER_EVENTS).groupBy("ds").count().collect()
    return {row["ds"].day: row["count"] for row in rows}


@pytest.mark.faults
def test_two_nights_do_not_ingest_one_window_at_a_time(invoke: Invoke, shop: Shop) -> None:
    """The one that commits last would take away what the other's file told."""
    told = ("--set", "warehouse.commit_wait_seconds=0", "--set", "ingest.window_days=1")
    with shop.store.locks.hold(f"{SILVER_EVENTS.name}/window"):
        ended = invoke("ingest", "--conf-file", shop.conf, "--ds", "2026-11-23", *told)
    assert ended.code == 75
    assert ended.error.startswith("silver.events/window: the lock is held by run reader ")
    assert shop.store.version(SILVER_EVENTS) is None


@pytest.mark.long
def test_days_of_missed_nights_are_ingested_by_the_next(invoke: Invoke, shop: Shop) -> None:
    shop.configure(WINDOW_OF_ONE)
    night(invoke, shop, "2026-11-22", "ingest")
    (shop.folder / "log" / "2026-11-22.csv").unlink()
    night(invoke, shop, "2026-11-24", "ingest")
    assert events_by_day(shop) == {22: 10, 23: 10, 24: 10}


@pytest.mark.long
def test_events_of_a_day_in_the_file_of_the_day_before_stay(invoke: Invoke, shop: Shop) -> None:
    shop.configure(WINDOW_OF_ONE)
    early, broken = "u1,i1,click,2026-11-24 00:05:00,1", "u1,i1,click,soon,1"
    shop.deliver("2026-11-23", "u1,i1,click,2026-11-23 10:00:00,1", early, broken)
    night(invoke, shop, "2026-11-23", "ingest")
    night(invoke, shop, "2026-11-24", "ingest")
    assert events_by_day(shop) == {22: 10, 23: 1, 24: 11}
    refused = shop.store.read(QUARANTINE_EVENTS).collect()
    assert sorted((row["reason_code"], row["ds"].day) for row in refused) == [
        ("bad_time", 23), ("future", 23),
    ]  # fmt: skip


@pytest.mark.long
def test_an_item_told_long_after_it_came_is_known(invoke: Invoke, shop: Shop) -> None:
    shop.configure(WINDOW_OF_ONE, sources=HISTORY)
    items = shop.folder / "items.csv"
    items.write_text("item,price,since\ni0,5,2026-10-01\n")
    night(invoke, shop, "2026-11-23", "ingest")
    items.write_text("item,price,since\ni0,5,2026-10-01\ni1,7,1900-01-01\ni0,6,2026-11-24\n")
    night(invoke, shop, "2026-11-24", "ingest")
    rows = shop.store.read(SILVER_ITEMS).collect()
    assert sorted((row["item_id"], row["price"], str(row["ds"])) for row in rows) == [
        ("i0", 5.0, "2026-10-01"), ("i0", 6.0, "2026-11-24"), ("i1", 7.0, "1900-01-01"),
    ]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("retold", [True, False], ids=["one manifest", "no manifest"])
def test_old_nights_keep_what_files_told_that_are_gone(
    invoke: Invoke, shop: Shop, retold: bool
) -> None:
    """Also where the table tells of no night so old: after a user was erased, or 30 days."""
    night(invoke, shop, "2026-11-24", "ingest")
    erase(shop.store, SILVER_EVENTS, F.lit(False), {}, retold=retold)
    (shop.folder / "log" / "2026-11-22.csv").unlink()
    night(invoke, shop, "2026-11-23", "ingest")
    night(invoke, shop, "2026-11-24", "ingest")
    assert events_by_day(shop) == {22: 10, 23: 10, 24: 10}


@pytest.mark.long
def test_what_a_source_told_stays_though_another_began_later(invoke: Invoke, shop: Shop) -> None:
    config = yaml.safe_load(Path(shop.conf).read_text())
    events = config["sources"]["events"]
    config["sources"]["events"] = [events, {**events, "path": "app/{ds}.csv"}]
    Path(shop.conf).write_text(yaml.safe_dump(config))
    (shop.folder / "app").mkdir()
    app = "user,item,type,at,price\nu9,i1,click,2026-11-24 10:00:00,1\n"
    (shop.folder / "app" / "2026-11-24.csv").write_text(app)
    for gone in ("2026-11-22", "2026-11-23"):
        night(invoke, shop, "2026-11-24", "ingest")
        (shop.folder / "log" / f"{gone}.csv").unlink()
    night(invoke, shop, "2026-11-24", "ingest")
    assert events_by_day(shop) == {22: 10, 23: 10, 24: 11}


@pytest.mark.long
def test_columns_are_held_against_the_nearest_night_that_is_told(
    invoke: Invoke, shop: Shop
) -> None:
    event = "u1,i1,click,{day} 10:00:00,1"
    for day in ("2026-11-22", "2026-11-23", "2026-11-24"):
        row = f"{event.format(day=day)},phone"
        shop.deliver(day, row, header="user,item,type,at,price,device")
    night(invoke, shop, "2026-11-24", "ingest")
    erase(shop.store, SILVER_EVENTS, F.lit(False), {})
    for day in ("2026-11-22", "2026-11-23"):
        shop.deliver(day, event.format(day=day))
    ended = invoke("ingest", "--conf-file", shop.conf, "--ds", "2026-11-23")
    assert ended.code == 65
    assert "the column 'device' was there at the last run and is gone" in ended.error
