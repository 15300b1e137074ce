"""What a table still tells of itself once rows were erased from its past."""

from datetime import date, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nightshelf.tables import ITEM_NEIGHBOURS, Store
from nightshelf.tables.erasing import erase

FIRST = date(2026, 11, 20)


def publish(spark: SparkSession, store: Store, day: date, items: str) -> None:
    rows = [(item, 1, "other", 0.5, 3, day) for item in items]
    store.publish(spark.createDataFrame(rows, ITEM_NEIGHBOURS.schema), ITEM_NEIGHBOURS, day)


def test_the_rows_of_each_day_are_told_after_the_past_is_gone(
    spark: SparkSession, store: Store
) -> None:
    days = [FIRST + timedelta(days=n) for n in range(4)]
    for day, items in zip(days, ("abc", "abx", "ab"), strict=False):
        publish(spark, store, day, items)
    assert erase(store, ITEM_NEIGHBOURS, F.col("item_id") == "x", {}) == 1
    assert store.commits(ITEM_NEIGHBOURS).rows_by_day() == dict(zip(days, (3, 2, 2), strict=False))
    publish(spark, store, days[3], "a")
    publish(spark, store, days[0], "abcd")
    assert erase(store, ITEM_NEIGHBOURS, F.col("item_id") == "x", {}) == 0
    publish(spark, store, days[1], "a")
    assert store.commits(ITEM_NEIGHBOURS).rows_by_day() == dict(
        zip(days, (4, 1, 2, 1), strict=True)
    )
    assert store.last_manifest(ITEM_NEIGHBOURS)["ds"] == days[1].isoformat()
