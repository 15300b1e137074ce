"""How often shoppers click at each position: the shop's click rates, as of days."""

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, EVENT_TYPE, POSITION
from nightshelf.exact import exact_sum

DEEPEST: Final = 50
"""Further down, all positions count as this one."""

PLACES: Final = DEEPEST + 1
"""Positions from 1 to DEEPEST, and a place 0 for impressions without one."""

PLACE: Final = "place"
CURVE: Final = "curve"

_BITS = 28  # of sums up to 2**35 events, 34 billion


def place() -> Column:
    """INT: the place of an event by its position."""
    position = F.when(F.col(POSITION) > DEEPEST, DEEPEST).otherwise(F.col(POSITION))
    return F.coalesce(position, F.lit(0)).alias(PLACE)


def click_curves(days: DataFrame, events: DataFrame, half_life_days: float) -> DataFrame:
    """[ds], unique -> [ds, curve ARRAY<DOUBLE>]: clicks an impression at each place, as of ds.

    Both are decayed sums of events up to ds. Impressions without a position, and all of them while
    no click has told its position, go by the rate of all places together. No row for a day without
    impressions up to it.
    """
    shown = F.count_if(F.col(EVENT_TYPE) == "impression")
    clicked = F.count_if(F.col(EVENT_TYPE) == "click")
    daily = (
        events.where(F.col(EVENT_TYPE).isin("impression", "click"))
        .groupBy(F.col(DS).alias("day"), place())
        .agg(shown.alias("shown"), clicked.alias("clicked"))
    )
    left = F.pow(F.lit(2.0), -F.date_diff(DS, "day") / F.lit(half_life_days))
    sums = (
        daily.join(F.broadcast(days), F.col("day") <= F.col(DS), "inner")
        .groupBy(DS, PLACE)
        .agg(*(exact_sum(F.col(n) * left, _BITS).alias(n) for n in ("shown", "clicked")))
    )
    has_position = F.col(PLACE) > 0
    rate = F.when(has_position & (F.col("shown") > 0), F.col("clicked") / F.col("shown"))
    told = F.when(has_position, F.col("clicked")).otherwise(0.0)
    shop = sums.groupBy(DS).agg(
        exact_sum(F.col("shown"), _BITS).alias("shown"),
        exact_sum(F.col("clicked"), _BITS).alias("clicked"),
        (F.max(told) > 0).alias("is_told"),
        F.map_from_entries(
            F.collect_list(F.when(rate.isNotNull(), F.struct(PLACE, rate.alias("rate"))))
        ).alias("rates"),
    )
    overall = F.col("clicked") / F.col("shown")
    rates = F.transform(
        F.sequence(F.lit(0), F.lit(PLACES - 1)),
        lambda place: F.coalesce(F.when(F.col("is_told"), F.col("rates")[place]), overall),
    )
    return shop.where("shown > 0").select(DS, rates.alias(CURVE))
