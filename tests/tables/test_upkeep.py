"""What commits of upkeep tell, and that its vacuum makes none."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nightshelf.tables import ITEM_NEIGHBOURS, Store
from nightshelf.tables.upkeep import keep_up
from tests.tables.test_store import MONDAY, TUESDAY, neighbours, row


@pytest.fixture
def published(spark: SparkSession, store: Store) -> Store:
    """Two days, each with a row."""
    for day in (MONDAY, TUESDAY):
        store.publish(neighbours(spark, row("a", day)), ITEM_NEIGHBOURS, day)
    return Store(spark, store.config, "run-2")


def test_who_published_is_told_however_often_a_table_is_kept_up(published: Store) -> None:
    before = published.last_manifest(ITEM_NEIGHBOURS)
    assert before["ds"] == TUESDAY.isoformat()
    for first in (None, TUESDAY, None):
        keep_up(published, ITEM_NEIGHBOURS, first, vacuum_days=7, small_mb=1)
        published.versions.clear()
    commits = list(published.commits(ITEM_NEIGHBOURS))
    assert [commit.operation for commit in commits] == ["DELETE", "WRITE", "WRITE"]
    assert commits[0].manifest == before
    assert published.read(ITEM_NEIGHBOURS).where(F.col("ds") == F.lit(MONDAY)).isEmpty()
