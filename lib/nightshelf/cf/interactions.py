"""From events to weighted (user, item) pairs."""

from collections.abc import Mapping
from datetime import date, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import EVENT_TS, EVENT_TYPE, ITEM, LAST_TS, USER, WEIGHT, Transform
from nightshelf.exact import exact_sum

SECONDS_A_DAY = 86_400.0
WEIGHT_BITS = 40  # weights are multiples of 2**-40: a year at a half-life of ten days still counts


def pair_weights(
    *,
    as_of: date,
    event_weights: Mapping[str, float],
    half_life_days: float | None,
    max_items_per_user: int,
    binary: bool = False,
) -> Transform:
    """[user_id, item_id, event_type, event_ts] -> [user_id, item_id, weight, last_ts].

    One row a (user, item) with an event of positive weight up to the end of `as_of` (UTC). Weight:
    the sum over its events of the type's weight times 2 ** (-age / half-life), age counted in days
    to the end of `as_of` (None: no decay); 1 for every pair where `binary`. Of each user only the
    newest `max_items_per_user` items are kept, ties by item_id.
    """

    def transform(events: DataFrame) -> DataFrame:
        end = F.lit(as_of + timedelta(days=1)).cast("timestamp")
        kind = F.coalesce(
            *(F.when(F.col(EVENT_TYPE) == k, F.lit(w)) for k, w in event_weights.items()),
            F.lit(0.0),
        )
        age_days = (end.cast("double") - F.col(EVENT_TS).cast("double")) / SECONDS_A_DAY
        decay = (
            F.lit(1.0) if half_life_days is None else F.pow(F.lit(2.0), -age_days / half_life_days)
        )
        total = F.lit(1.0) if binary else exact_sum(kind * decay, WEIGHT_BITS)
        newest = Window.partitionBy(USER).orderBy(F.desc(LAST_TS), F.asc(ITEM))
        return (
            events.where(F.col(ITEM).isNotNull() & (kind > 0) & (F.col(EVENT_TS) < end))
            .groupBy(USER, ITEM)
            .agg(total.alias(WEIGHT), F.max(EVENT_TS).alias(LAST_TS))
            .where(F.col(WEIGHT) > 0)
            .withColumn("newest", F.row_number().over(newest))
            .where(F.col("newest") <= max_items_per_user)
            .select(USER, ITEM, WEIGHT, LAST_TS)
        )

    return transform
