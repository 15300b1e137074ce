"""What is told of a table while rows are removed from it for good."""

from datetime import date
from typing import Any

import pytest
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from nightshelf.tables import ITEM_NEIGHBOURS, Store, erasing
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


def test_what_is_left_is_told_as_before(published: Store) -> None:
    before = published.last_manifest(ITEM_NEIGHBOURS)
    assert erasing.erase(published, ITEM_NEIGHBOURS, is_a(), {}) == 2
    assert published.last_manifest(ITEM_NEIGHBOURS) == before
    assert erasing.trace(published, ITEM_NEIGHBOURS, is_a(), ["a"]).is_clean
