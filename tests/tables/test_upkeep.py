"""What commits of upkeep tell, and that its vacuum makes none."""

from datetime import date, datetime, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nightshelf.literals import frame_of
from nightshelf.tables import SILVER_REVIEWS, Store
from nightshelf.tables.upkeep import keep_up

FIRST = date(2026, 11, 20)


def test_who_published_is_told_however_often_a_table_is_kept_up(
    spark: SparkSession, store: Store
) -> None:
    """By each commit that it makes: Delta forgets those of the publishes."""
    for n in range(6):
        day = FIRST + timedelta(days=n)
        told = [(f"r{n}", "i1", "u1", datetime(day.year, day.month, day.day), 5.0, "good", day)]
        store.publish(frame_of(spark, told, SILVER_REVIEWS.schema), SILVER_REVIEWS, day)
    before = store.last_manifest(SILVER_REVIEWS)
    assert before["ds"] == "2026-11-25"
    late = Store(spark, store.config, "run-2")
    for first in (None, FIRST + timedelta(days=1), None):
        keep_up(late, SILVER_REVIEWS, first, vacuum_days=7, small_mb=1)
        late.versions.clear()
    made = [c for c in late.commits(SILVER_REVIEWS) if c.operation != "WRITE"]
    assert [commit.operation for commit in made] == ["DELETE", "OPTIMIZE"]
    assert [commit.manifest for commit in made] == [before, before]
    assert late.read(SILVER_REVIEWS).where(F.col("ds") == F.lit(FIRST)).isEmpty()
