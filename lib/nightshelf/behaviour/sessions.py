"""What visits look like: how long, how wide, when, and through which categories.

A visit is what a shopper did: impressions, which the shop made, come by the page and all at once.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import CATEGORY, EVENT_TS, EVENT_TYPE, ITEM, SESSION, USER, Transform

STEPS: Final[Mapping[str, Sequence[int]]] = {
    "events": (1, 2, 3, 5, 10, 20, 50),
    "minutes": (0, 1, 3, 5, 10, 30, 60),
    "items": (1, 2, 3, 5, 10, 20),
}
"""Of each measure, where its bins begin."""
_IS_DONE: Final = f"{EVENT_TYPE} <> 'impression'"


def shapes(events: DataFrame) -> DataFrame:
    """[events with category] -> [measure, bin, place, sessions, with_purchase].

    Sessions by events, minutes and items, in bins told by their first value (the last has no end);
    by the hour in which they begin (UTC), and by the day of the week. Bins are in the order of
    `place`. A session is a user's: two users' ids may be the same.
    """
    each = (
        events.where(_IS_DONE)
        .groupBy(USER, SESSION)
        .agg(
            F.count("*").alias("events"),
            F.floor((F.unix_seconds(F.max(EVENT_TS)) - F.unix_seconds(F.min(EVENT_TS))) / 60).alias(
                "minutes"
            ),
            F.count_distinct(ITEM).alias("items"),
            F.min(EVENT_TS).alias("begun"),
            F.max((F.col(EVENT_TYPE) == "purchase").cast("int")).alias("bought"),
        )
    )
    binned = [_bin(measure, starts) for measure, starts in STEPS.items()]
    hour, day = F.hour("begun"), F.weekday("begun")
    binned.append(_named("hour", F.lpad(hour.cast("string"), 2, "0"), hour))
    binned.append(_named("weekday", F.date_format("begun", "E"), day))
    return (
        each.select("bought", F.explode(F.array(*binned)).alias("told"))
        .groupBy("told.measure", "told.bin", "told.place")
        .agg(F.count("*").alias("sessions"), F.sum("bought").alias("with_purchase"))
    )


def paths(most: int) -> Transform:
    """[events with category] -> [category, next_category, steps, users]: the most common steps.

    A step is from an item to one of another category, the next in the same session.
    """

    def transform(events: DataFrame) -> DataFrame:
        order = Window.partitionBy(USER, SESSION).orderBy(EVENT_TS, ITEM, EVENT_TYPE)
        return (
            events.where(_IS_DONE)
            .withColumn("next_category", F.lead(CATEGORY).over(order))
            .where(F.col("next_category") != F.col(CATEGORY))
            .groupBy(CATEGORY, "next_category")
            .agg(F.count("*").alias("steps"), F.count_distinct(USER).alias("users"))
            .orderBy(F.desc("steps"), CATEGORY, "next_category")
            .limit(most)
        )

    return transform


def _bin(measure: str, starts: Sequence[int]) -> Column:
    """The last of the bins that begins at or below the measure."""
    place = F.lit(0)
    for n, start in enumerate(starts):
        place = F.when(F.col(measure) >= start, n).otherwise(place)
    ranges = [str(a) if b == a + 1 else f"{a}-{b - 1}" for a, b in pairwise(starts)]
    names = [*ranges, f"{starts[-1]}+"]
    name = F.element_at(F.array(*map(F.lit, names)), place + 1)
    return _named(measure, name, place)


def _named(measure: str, name: Column, place: Column) -> Column:
    return F.struct(
        F.lit(measure).alias("measure"), name.alias("bin"), place.cast("int").alias("place")
    )
