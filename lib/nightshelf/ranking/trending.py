"""What many users want these days."""

from collections.abc import Mapping
from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import CATEGORY, DS, EVENT_TYPE, ITEM, RANK, SCORE, USER, Transform
from nightshelf.exact import exact_sum


def trending(
    as_of: date, weights: Mapping[str, float], half_life_days: float | None, recent_days: int
) -> Transform:
    """[positive events] -> [item_id, score, is_recent], score in [0, 1], 1 for the most wanted.

    Counts each user once an item, by their strongest event: its type's weight times
    2 ** (-age / half-life), age in days (None: no decay), so that no single user makes a trend and
    a quiet week falls back on what was wanted before. `is_recent`: wanted by someone in the last
    `recent_days` days.
    """

    def transform(events: DataFrame) -> DataFrame:
        weight = F.coalesce(
            *(F.when(F.col(EVENT_TYPE) == kind, F.lit(w)) for kind, w in weights.items())
        )
        age = F.date_diff(F.lit(as_of), F.col(DS))
        decay = F.lit(1.0) if half_life_days is None else F.pow(F.lit(2.0), -age / half_life_days)
        wanted = (
            events.groupBy(USER, ITEM)
            .agg(F.max(weight * decay).alias("strongest"), F.min(age).alias("age"))
            .groupBy(ITEM)
            .agg(
                exact_sum(F.col("strongest")).alias("wanted"),
                (F.min("age") < recent_days).alias("is_recent"),
            )
        )
        most = wanted.agg(F.max("wanted").alias("most"))
        share = F.try_divide("wanted", "most")  # none where all is long forgotten
        return wanted.crossJoin(F.broadcast(most)).select(
            ITEM, F.coalesce(share, F.lit(0.0)).alias(SCORE), "is_recent"
        )

    return transform


def ranked_catalogue(trend: DataFrame) -> Transform:
    """[items as of ds] -> [item_id, category, score, is_recent, rank]: every available item.

    The best trend comes first, ties by id; `rank` counts from 1 without gaps. Items that nobody
    wanted have score 0.
    """

    def transform(items: DataFrame) -> DataFrame:
        # One partition: a catalogue is ranked here, not the events.
        order = Window.orderBy(F.desc(SCORE), F.asc(ITEM))
        return (
            items.where("available")
            .join(trend, ITEM, "left")
            .select(
                ITEM,
                CATEGORY,
                F.coalesce(SCORE, F.lit(0.0)).alias(SCORE),
                F.coalesce("is_recent", F.lit(False)).alias("is_recent"),
            )
            .withColumn(RANK, F.row_number().over(order))
        )

    return transform


def by_category(per_category: int) -> Transform:
    """[ranked catalogue] -> [category, item_id, score]: the best trending items of each."""

    def transform(catalogue: DataFrame) -> DataFrame:
        order = Window.partitionBy(CATEGORY).orderBy(RANK)
        return (
            catalogue.where(F.col(CATEGORY).isNotNull() & F.col("is_recent"))
            .withColumn("place", F.row_number().over(order))
            .where(F.col("place") <= per_category)
            .select(CATEGORY, ITEM, SCORE)
        )

    return transform
