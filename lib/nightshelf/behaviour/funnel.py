"""How many of those who see an item go on to buy it."""

from typing import Final

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import CATEGORY, EVENT_TYPE, ITEM, USER

STEPS: Final = ("impression", "view", "click", "cart", "purchase")
ALL: Final = "all"


def funnel(events: DataFrame) -> DataFrame:
    """[events with category] -> [category, step, place, pairs, users].

    A pair of a user and an item is at a step if it came so far or farther; a user is if any of
    their pairs is. Of each category, and of `all`; only the steps that the shop tells of, counted
    by `place` from 1.
    """
    pairs = events.where(F.col(EVENT_TYPE).isin(*STEPS)).groupBy(CATEGORY, USER, ITEM)
    flags = pairs.agg(
        *(F.max((F.col(EVENT_TYPE) == step).cast("int")).alias(step) for step in STEPS)
    )
    reached = {
        step: F.greatest(F.lit(0), *(F.col(later) for later in STEPS[n:]))
        for n, step in enumerate(STEPS)
    }
    each = flags.withColumn(CATEGORY, F.explode(F.array_distinct(F.array(F.lit(ALL), CATEGORY))))
    by_user = each.groupBy(CATEGORY, USER).agg(
        *(F.sum(came).alias(f"{step}_pairs") for step, came in reached.items()),
        *(F.sum(step).alias(f"{step}_own") for step in STEPS),
    )
    told = F.array(
        *(
            F.struct(
                F.lit(step).alias("step"),
                F.lit(n).alias("place"),
                F.sum(f"{step}_pairs").alias("pairs"),
                F.count_if(F.col(f"{step}_pairs") > 0).alias("users"),
                F.sum(f"{step}_own").alias("own"),
            )
            for n, step in enumerate(STEPS, 1)
        )
    )
    rows = by_user.groupBy(CATEGORY).agg(told.alias("told"))
    known = F.sum("own").over(Window.partitionBy("step"))
    return (
        rows.select(CATEGORY, F.explode("told").alias("told"))
        .select(CATEGORY, "told.*")
        .withColumn("known", known)
        .where("known > 0")
        .select(
            CATEGORY,
            "step",
            F.dense_rank().over(Window.partitionBy(CATEGORY).orderBy("place")).alias("place"),
            "pairs",
            "users",
        )
    )
