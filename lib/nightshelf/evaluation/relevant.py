"""What judges the lists of a day: what users wanted in the days after it."""

from datetime import date, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, EVENT_TYPE, ITEM, POSITION, PROPENSITY, USER, WEIGHT, Transform
from nightshelf.config import EvaluateConfig, FeedbackConfig
from nightshelf.feedback import is_for_its_item


def last_day(config: EvaluateConfig, ds: date) -> date:
    """The last day whose events judge the lists of ds."""
    return ds + timedelta(days=config.horizon_days)


def _later(config: EvaluateConfig, ds: date) -> Transform:
    """Leaves the events after ds, up to `last_day`."""
    return lambda events: events.where(
        (F.col(DS) > F.lit(ds)) & (F.col(DS) <= F.lit(last_day(config, ds)))
    )


def relevant(config: EvaluateConfig, feedback: FeedbackConfig, ds: date) -> Transform:
    """[silver.events] -> [user_id, item_id], each pair once: wanted after ds, up to `last_day`.

    By events of `event_types`, whatever they weigh as feedback.
    """
    return lambda events: (
        events.transform(_later(config, ds))
        .where(F.col(EVENT_TYPE).isin(*config.event_types))
        .where(is_for_its_item(feedback.positive_rating))
        .select(USER, ITEM)
        .distinct()
    )


def happened(config: EvaluateConfig, ds: date) -> Transform:
    """[silver.events] -> [newest, click, purchase, logged_click], a single row, of those after ds.

    Up to `last_day`. newest: their last day, null without any; how many are clicks on an item and
    purchases of one; how many clicks tell their position and propensity, as those of `logged`.
    """
    newest = F.max(DS).alias("newest")
    click, purchase = (
        (F.col(EVENT_TYPE) == kind) & F.col(ITEM).isNotNull() for kind in ("click", "purchase")
    )
    told = {"click": click, "purchase": purchase, "logged_click": click & _is_logged()}
    counts = [F.count_if(is_one).alias(name) for name, is_one in told.items()]
    return lambda events: events.transform(_later(config, ds)).agg(newest, *counts)


def shown(config: EvaluateConfig, ds: date) -> Transform:
    """[silver.events] -> [user_id, item_id, shown, clicked, bought] after ds, up to `last_day`.

    One row a pair that was shown: its impressions, and how many of them led to a click and to a
    purchase, no more than there were.
    """

    def count(kind: str) -> Column:
        return F.count_if(F.col(EVENT_TYPE) == kind)

    def transform(events: DataFrame) -> DataFrame:
        seen = count("impression")
        return (
            events.transform(_later(config, ds))
            .where(F.col(ITEM).isNotNull())
            .groupBy(USER, ITEM)
            .agg(
                seen.alias("shown"),
                F.least(seen, count("click")).alias("clicked"),
                F.least(seen, count("purchase")).alias("bought"),
            )
            .where(F.col("shown") > 0)
        )

    return transform


def logged(config: EvaluateConfig, ds: date) -> Transform:
    """[silver.events] -> [user_id, item_id, position, shown, weight, clicked] after ds.

    Of events that tell the position and with which probability the item was shown there: the
    impressions, and of them and of clicks the sums of one by that probability, which is taken as no
    less than `min_propensity`. A click carries the probability of its impression; clicks count for
    no more than the impressions.
    """
    each = 1 / F.greatest(F.col(PROPENSITY), F.lit(config.min_propensity))

    def total(kind: str, value: Column) -> Column:
        return F.sum(F.when(F.col(EVENT_TYPE) == kind, value).otherwise(0))

    def transform(events: DataFrame) -> DataFrame:
        weight = total("impression", each)
        return (
            events.transform(_later(config, ds))
            .where(F.col(ITEM).isNotNull() & _is_logged())
            .groupBy(USER, ITEM, POSITION)
            .agg(
                total("impression", F.lit(1)).alias("shown"),
                weight.alias(WEIGHT),
                F.least(weight, total("click", each)).alias("clicked"),
            )
            .where(F.col("shown") > 0)
        )

    return transform


def _is_logged() -> Column:
    """Whether an event tells its position, and with which probability the item was there."""
    return F.col(PROPENSITY).isNotNull() & (F.col(POSITION) >= 1)
