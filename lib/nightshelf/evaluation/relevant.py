"""What judges the lists of a day: what users wanted in the days after it."""

from datetime import date, timedelta

from pyspark.sql import functions as F

from nightshelf.columns import DS, EVENT_TYPE, ITEM, USER, Transform
from nightshelf.config import EvaluateConfig, FeedbackConfig
from nightshelf.feedback import positive_events


def last_day(config: EvaluateConfig, ds: date) -> date:
    """The last day whose events judge the lists of ds."""
    return ds + timedelta(days=config.horizon_days)


def relevant(config: EvaluateConfig, feedback: FeedbackConfig, ds: date) -> Transform:
    """[silver.events] -> [user_id, item_id], each pair once: wanted after ds, up to `last_day`."""
    return lambda events: (
        events.where(F.col(DS) > F.lit(ds))
        .where(F.col(DS) <= F.lit(last_day(config, ds)))
        .where(F.col(EVENT_TYPE).isin(*config.event_types))
        .transform(positive_events(feedback.weights, feedback.positive_rating))
        .select(USER, ITEM)
        .distinct()
    )
