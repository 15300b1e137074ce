"""What is bought together."""

import math
from typing import Final

from pyspark.ml.fpm import FPGrowth
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import EVENT_TYPE, ITEM, SESSION, USER
from nightshelf.config import BehaviourConfig
from nightshelf.literals import frame_of

LARGEST: Final = 12
"""Items of a basket that count: n items bought together a few times over are 2**n sets."""


def baskets(events: DataFrame) -> DataFrame:
    """[silver.events] -> [items]: of each session with purchases, the distinct items bought.

    A user's session is a basket, also one of a single item: shares of baskets are over those, too.
    Of more than LARGEST items those count that are in most baskets, ties by the ids.
    """
    bought = events.where((F.col(EVENT_TYPE) == "purchase") & F.col(ITEM).isNotNull())
    pairs = bought.select(USER, SESSION, ITEM).distinct()
    common = Window.partitionBy(USER, SESSION).orderBy(F.desc("baskets"), ITEM)
    return (
        pairs.join(pairs.groupBy(ITEM).agg(F.count("*").alias("baskets")), ITEM, "inner")
        .withColumn("place", F.row_number().over(common))
        .where(F.col("place") <= LARGEST)
        .groupBy(USER, SESSION)
        .agg(F.array_sort(F.collect_list(ITEM)).alias("items"))
        .select("items")
    )


def rules(together: DataFrame, config: BehaviourConfig) -> DataFrame:
    """[items] baskets -> [antecedent, consequent, baskets, confidence, lift]: the best rules.

    FP-growth (Han et al. 2000) at once, by Spark, of items that are together in `basket_least`
    baskets and in `basket_share` of all: in many baskets some things meet by chance. antecedent:
    item ids in order; baskets: those with both sides; confidence: their share of those with the
    antecedent; lift: that by the consequent's own share. Ordered by lift, ties by the ids; none
    where there are no baskets.
    """
    count = together.count()
    schema = (
        "antecedent array<string>, consequent string, baskets bigint, confidence double, "
        "lift double"
    )
    least = max(config.basket_least, math.ceil(config.basket_share * count))
    if count < least:
        return frame_of(together.sparkSession, [], schema)
    least_share = (least - 0.5) / count  # Spark rounds up what it makes of it
    growth = FPGrowth(
        itemsCol="items", minSupport=least_share, minConfidence=config.basket_confidence
    )
    model = growth.fit(together)
    return (
        model.associationRules.select(
            F.array_sort("antecedent").alias("antecedent"),
            F.element_at("consequent", 1).alias("consequent"),
            F.round(F.col("support") * count).cast("bigint").alias("baskets"),
            "confidence",
            "lift",
        )
        .orderBy(F.desc("lift"), F.desc("baskets"), "consequent", "antecedent")
        .limit(config.basket_rules)
    )
