"""What kind of customer each user is: how lately, how often and for how much, and what changed."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import (
    CATEGORY,
    DS,
    EVENT_TYPE,
    ITEM,
    PRICE,
    QUANTITY,
    SESSION,
    USER,
    Transform,
)
from nightshelf.config import FeedbackConfig
from nightshelf.exact import exact_sum
from nightshelf.feedback import is_positive

GRADES: Final = 5
KINDS: Final[Mapping[str, tuple[int, int]]] = {
    "champion": (4, 4), "loyal": (3, 3), "promising": (4, 1), "needs attention": (3, 1),
    "at risk": (1, 3), "hibernating": (1, 1),
}  # fmt: skip
"""The first whose least grades of recency and frequency a user has."""


def customers(ds: date, drift_days: int, feedback: FeedbackConfig) -> Transform:
    """[silver.events with category, up to ds] -> one row a user with what they did last:

    [user_id, recency_days, frequency, monetary, recency_grade, frequency_grade, monetary_grade,
    kind, interest_drift]. Purchases count where the shop tells of any, whatever they weigh, else
    all events that speak for their item: recency_days since the last; frequency, the sessions with
    one; monetary, their prices times quantities, null where no price is told. Grades (Hughes,
    Strategic Database Marketing, 1994) go from 1 to 5 by the users' quintiles, 5 for the latest,
    the most and the dearest. kind: KINDS.
    interest_drift: how far the categories of the last `drift_days` are from those before, by the
    divergence of Jensen and Shannon in bits: 0 the same, 1 all others; null without either.
    """

    def transform(events: DataFrame) -> DataFrame:
        positives = events.where(is_positive(feedback.weights, feedback.positive_rating))
        bought = events.where((F.col(EVENT_TYPE) == "purchase") & F.col(ITEM).isNotNull())
        is_told = F.broadcast(bought.limit(1).agg((F.count("*") > 0).alias("is_told")))
        others = positives.crossJoin(is_told).where("NOT is_told").drop("is_told")
        deeds = bought.unionByName(others)
        paid = F.col(PRICE) * F.coalesce(QUANTITY, F.lit(1))
        each = deeds.groupBy(USER).agg(
            F.date_diff(F.lit(ds), F.max(DS)).alias("recency_days"),
            F.count_distinct(SESSION).alias("frequency"),
            # A few orders of billions are more than exact_sum holds.
            F.sum(F.when(F.col(PRICE) > 0, paid.cast("decimal(28,6)")))
            .cast("double")
            .alias("monetary"),
        )
        graded = each.crossJoin(F.broadcast(each.agg(*map(_quintiles, _MEASURES)))).select(
            *each.columns,
            (F.lit(GRADES + 1) - _grade("recency_days")).alias("recency_grade"),
            _grade("frequency").alias("frequency_grade"),
            _grade("monetary").alias("monetary_grade"),
        )
        drift = positives.transform(_interest_drift(ds, drift_days))
        return graded.withColumn("kind", _kind()).join(drift, USER, "left")

    return transform


_MEASURES: Final = ("recency_days", "frequency", "monetary")


def _quintiles(name: str) -> Column:
    at = F.array(*(F.lit(n / GRADES) for n in range(1, GRADES)))
    return F.percentile(name, at).alias(f"{name}_quintiles")


def _grade(name: str) -> Column:
    """1 and the number of quintiles below the value; null where it is."""
    below = F.size(F.filter(f"{name}_quintiles", lambda edge: edge < F.col(name)))
    return F.when(F.col(name).isNotNull(), below + 1)


def _kind() -> Column:
    cases = (
        F.when((F.col("recency_grade") >= r) & (F.col("frequency_grade") >= f), F.lit(kind))
        for kind, (r, f) in KINDS.items()
    )
    return F.coalesce(*cases)


def _interest_drift(ds: date, days: int) -> Transform:
    """[events with category] -> [user_id, interest_drift], of those with events in both times."""

    def transform(events: DataFrame) -> DataFrame:
        is_late = F.col(DS) > F.lit(ds - timedelta(days=days))
        counts = events.groupBy(USER, CATEGORY).agg(
            F.count_if(is_late).alias("late"), F.count_if(~is_late).alias("early")
        )
        totals = counts.groupBy(USER).agg(
            F.sum("late").alias("all_late"), F.sum("early").alias("all_early")
        )
        late, early = F.col("late") / F.col("all_late"), F.col("early") / F.col("all_early")
        parts = _towards(late, (late + early) / 2) + _towards(early, (late + early) / 2)
        return (
            counts.join(totals.where("all_late > 0 AND all_early > 0"), USER, "inner")
            .groupBy(USER)
            .agg((exact_sum(parts) / 2).alias("interest_drift"))
        )

    return transform


def _towards(share: Column, middle: Column) -> Column:
    return F.when(share > 0, share * F.log2(share / middle)).otherwise(F.lit(0.0))
