"""Events added up by day, in Spark, before anything is asked of them."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, EVENT_TYPE, Transform
from nightshelf.config import FeedbackConfig
from nightshelf.features.activity import POSITIVE, SINCE, TYPES
from nightshelf.feedback import is_positive
from nightshelf.parts import DAY


def counted(by: Sequence[str | Column], feedback: FeedbackConfig) -> Transform:
    """[silver.events] -> [by, day, a count of each type, positive]; one row a `by` and day."""
    positive = is_positive(feedback.weights, feedback.positive_rating)

    def transform(events: DataFrame) -> DataFrame:
        return events.groupBy(*by, F.unix_date(DS).alias(DAY)).agg(
            *(F.count_if(F.col(EVENT_TYPE) == kind).cast("int").alias(kind) for kind in TYPES),
            F.count_if(positive).cast("int").alias(POSITIVE),
        )

    return transform


def with_first_days(events: DataFrame) -> Transform:
    """[…] -> the same and `since` ARRAY<INT>: the first day of each type's events, null: none."""
    firsts = (F.min(F.when(F.col(EVENT_TYPE) == kind, F.unix_date(DS))) for kind in TYPES)
    since = events.agg(F.array(*firsts).alias(SINCE))
    return lambda asked: asked.crossJoin(F.broadcast(since))
