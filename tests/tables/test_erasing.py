"""What is told of a table while rows are removed from it for good."""

from datetime import date, timedelta
from typing import Any

import pytest
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from nightshelf.literals import frame_of
from nightshelf.tables import ITEM_NEIGHBOURS, Store, erasing
from nightshelf.tables.commits import ROWS_BY_DAY
from tests.tables.test_store import MONDAY, TUESDAY, neighbours, row


def is_a() -> Column:
    return F.col("item_id") == "a"


@pytest.fixture
def published(spark: SparkSession, store: Store) -> Store:
    """Two days of two items, the second of a run that read something."""
    for day in (MONDAY, TUESDAY):
        rows = neighbours(spark, row("a", day), row("b", day))
        store.publish(rows, ITEM_NEIGHBOURS, day, about={"sums_of": "events"})
    store.versions.clear()
    return store


@pytest.mark.parametrize("changed", [(), ("similarity",)], ids=["removed", "changed"])
def test_a_table_knows_whose_it_is_when_the_removal_breaks_off(
    published: Store, monkeypatch: pytest.MonkeyPatch, changed: tuple[str, ...]
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    before = published.last_manifest(ITEM_NEIGHBOURS)
    monkeypatch.setattr(erasing, "_forget", killed)
    with pytest.raises(KeyboardInterrupt):
        erasing.erase(published, ITEM_NEIGHBOURS, is_a(), {name: F.lit(0.25) for name in changed})
    assert published.version(ITEM_NEIGHBOURS) == 2
    assert published.last_manifest(ITEM_NEIGHBOURS) == before
    # The manifest tells of Tuesday alone, but Monday's rows are others, too.
    assert published.changed_since(ITEM_NEIGHBOURS, 1) == date.min


def test_nothing_vouches_for_rows_that_are_gone(published: Store) -> None:
    assert erasing.erase(published, ITEM_NEIGHBOURS, F.lit(True), {}, retold=False) == 4
    assert published.last_manifest(ITEM_NEIGHBOURS) == {}


@pytest.mark.parametrize("logged", ["true", "false"])
def test_what_is_left_is_told_as_before(published: Store, logged: str) -> None:
    """Also where Delta logs no vacuum by itself, as on S3."""
    before = published.last_manifest(ITEM_NEIGHBOURS)
    with published.setting("spark.databricks.delta.vacuum.logging.enabled", logged):
        assert erasing.erase(published, ITEM_NEIGHBOURS, is_a(), {}) == 2
    rows = {day.isoformat(): 1 for day in (MONDAY, TUESDAY)}
    assert published.last_manifest(ITEM_NEIGHBOURS) == {**before, ROWS_BY_DAY: rows}
    assert erasing.trace(published, ITEM_NEIGHBOURS, is_a(), ["a"]).is_clean


def publish(spark: SparkSession, store: Store, day: date, items: str) -> None:
    rows = [(item, 1, "other", 0.5, 3, day) for item in items]
    store.publish(frame_of(spark, rows, ITEM_NEIGHBOURS.schema), ITEM_NEIGHBOURS, day)


@pytest.mark.long
def test_the_rows_of_each_day_are_told_after_the_past_is_gone(
    spark: SparkSession, store: Store
) -> None:
    days = [date(2026, 11, 20) + timedelta(days=n) for n in range(4)]
    for day, items in zip(days, ("abc", "abx", "ab"), strict=False):
        publish(spark, store, day, items)
    assert erasing.erase(store, ITEM_NEIGHBOURS, F.col("item_id") == "x", {}) == 1
    assert store.commits(ITEM_NEIGHBOURS).rows_by_day() == dict(zip(days, (3, 2, 2), strict=False))
    publish(spark, store, days[3], "a")
    publish(spark, store, days[0], "abcd")
    assert erasing.erase(store, ITEM_NEIGHBOURS, F.col("item_id") == "x", {}) == 0
    publish(spark, store, days[1], "a")
    assert store.commits(ITEM_NEIGHBOURS).rows_by_day() == dict(
        zip(days, (4, 1, 2, 1), strict=True)
    )
    assert store.last_manifest(ITEM_NEIGHBOURS)["ds"] == days[1].isoformat()


LONG = "https://shop.example/customers/"  # 31 letters, of the 32 that Delta keeps


@pytest.mark.parametrize(
    ("item", "other"),
    [
        pytest.param('a"ü', "b", marks=pytest.mark.long),
        (f"{LONG}12", f"{LONG}22"),
        pytest.param("1", "x", id="no-count-of-files"),
    ],
)
def test_the_log_tells_of_smallest_and_largest_values(
    spark: SparkSession, store: Store, item: str, other: str
) -> None:
    """In the commits, in their checksums and in checkpoints."""
    is_item = F.col("item_id") == item
    with store.setting("spark.databricks.delta.stats.collect", "true"):
        rows = neighbours(spark, row(item, MONDAY), row(other, MONDAY))
        store.publish(rows, ITEM_NEIGHBOURS, MONDAY)
        before = erasing.trace(store, ITEM_NEIGHBOURS, is_item, [item])
        assert (before.rows, before.log_files > 0) == (1, True)
        assert erasing.erase(store, ITEM_NEIGHBOURS, is_item, {}) == 1
    assert erasing.trace(store, ITEM_NEIGHBOURS, is_item, [item]).is_clean
    # Where the values are kept at all, those who stay are told of.
    assert erasing.trace(store, ITEM_NEIGHBOURS, ~is_item, [other]).log_files > 0


def test_what_others_begin_with_too_tells_of_no_one(spark: SparkSession, store: Store) -> None:
    items = [f"{LONG}1{n}" for n in range(2)]
    is_first = F.col("item_id") == items[0]
    with store.setting("spark.databricks.delta.stats.collect", "true"):
        rows = neighbours(spark, *(row(item, MONDAY) for item in items))
        store.publish(rows, ITEM_NEIGHBOURS, MONDAY)
        assert erasing.erase(store, ITEM_NEIGHBOURS, is_first, {}) == 1
    assert erasing.trace(store, ITEM_NEIGHBOURS, is_first, items[:1]).is_clean
