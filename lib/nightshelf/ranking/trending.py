"""What many users want these days."""

from collections.abc import Mapping
from datetime import date, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import CATEGORY, DS, EVENT_TYPE, ITEM, RANK, SCORE, USER, Transform
from nightshelf.exact import exact_sum


def trending(as_of: date, days: int | None, weights: Mapping[str, float]) -> Transform:
    """[positive events] -> [item_id, score], score in (0, 1], 1 for the item most wanted.

    Counts each user once an item, with the weight of their strongest event in the last `days` days
    (None: all days), so that no single user makes a trend.
    """

    def transform(events: DataFrame) -> DataFrame:
        weight = F.coalesce(
            *(F.when(F.col(EVENT_TYPE) == kind, F.lit(w)) for kind, w in weights.items())
        )
        recent = F.lit(True) if days is None else F.col(DS) > F.lit(as_of - timedelta(days=days))
        wanted = (
            events.where(recent)
            .groupBy(USER, ITEM)
            .agg(F.max(weight).alias("strongest"))
            .groupBy(ITEM)
            .agg(exact_sum(F.col("strongest")).alias("wanted"))
        )
        most = wanted.agg(F.max("wanted").alias("most"))
        return wanted.crossJoin(F.broadcast(most)).select(
            ITEM, (F.col("wanted") / F.col("most")).alias(SCORE)
        )

    return transform


def ranked_catalogue(trend: DataFrame) -> Transform:
    """[items as of ds] -> [item_id, category, score, rank]: every available item, best trend first.

    `rank` counts from 1 without gaps, ties by id; items without a trend have score 0.
    """

    def transform(items: DataFrame) -> DataFrame:
        # One partition: a catalogue is ranked here, not the events.
        order = Window.orderBy(F.desc(SCORE), F.asc(ITEM))
        return (
            items.where("available")
            .join(trend, ITEM, "left")
            .select(ITEM, CATEGORY, F.coalesce(SCORE, F.lit(0.0)).alias(SCORE))
            .withColumn(RANK, F.row_number().over(order))
        )

    return transform


def by_category(per_category: int) -> Transform:
    """[ranked catalogue] -> [category, item_id, score]: the best trending items of each."""

    def transform(catalogue: DataFrame) -> DataFrame:
        order = Window.partitionBy(CATEGORY).orderBy(RANK)
        return (
            catalogue.where(F.col(CATEGORY).isNotNull() & (F.col(SCORE) > 0))
            .withColumn("place", F.row_number().over(order))
            .where(F.col("place") <= per_category)
            .select(CATEGORY, ITEM, SCORE)
        )

    return transform
