"""What groups of shoppers click more than others do."""

from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import (
    BRAND,
    CATEGORIES,
    CATEGORY,
    ITEM,
    NUMBERS,
    PRICE,
    SEGMENT,
    USER,
    Transform,
)

EVERYONE: Final = "all"
TASTE: Final = "taste"
PRIOR: Final = 50.0
"""Clicks by the shop's shares that a segment is given to begin with."""
_THIRDS: Final = ("low", "middle", "high")


def segments(feature: str) -> Transform:
    """[gold.user_features of a day] -> [user_id, segment]; users without the feature have no row.

    A category is its own segment; a number is cut in thirds of the users: low, middle, high.
    """

    def transform(users: DataFrame) -> DataFrame:
        number = F.col(NUMBERS)[feature]
        third = F.ntile(3).over(Window.orderBy(number, USER))
        told = users.where(number.isNotNull()).select(
            USER, F.element_at(F.array(*map(F.lit, _THIRDS)), third).alias(SEGMENT)
        )
        named = users.where(F.col(CATEGORIES)[feature].isNotNull()).select(
            USER, F.concat(F.lit(f"{feature}="), F.col(CATEGORIES)[feature]).alias(SEGMENT)
        )
        thirds = told.withColumn(SEGMENT, F.concat(F.lit(f"{feature}="), SEGMENT))
        return named.unionByName(thirds.join(named, USER, "left_anti"))

    return transform


def tastes(clicks: DataFrame, users: DataFrame) -> Transform:
    """[item_id, category, brand, price] -> [segment, item_id, taste]; one row a segment and item.

    clicks [user_id, item_id]: what shoppers chose. users: `segments`. taste: how many times more
    often the segment chose items of this brand, and of this third of prices in the category, than
    everyone did, the geometric mean of both; 1 where nothing is known.
    """

    def transform(items: DataFrame) -> DataFrame:
        traits = items.transform(_with_traits).select(ITEM, "brand_trait", "price_trait")
        chosen = clicks.join(users, USER, "inner").join(traits, ITEM, "inner")
        told = traits.crossJoin(F.broadcast(users.select(SEGMENT).distinct()))
        for trait in ("brand_trait", "price_trait"):
            told = told.join(chosen.transform(_lifts(trait)), [SEGMENT, trait], "left")
        product = F.coalesce("brand_trait_lift", F.lit(1.0)) * F.coalesce(
            "price_trait_lift", F.lit(1.0)
        )
        return told.select(SEGMENT, ITEM, F.sqrt(product).alias(TASTE))

    return transform


def _with_traits(items: DataFrame) -> DataFrame:
    priced = F.col(PRICE).isNotNull() & (F.col(PRICE) > 0)
    order = Window.partitionBy(CATEGORY, priced).orderBy(PRICE, ITEM)
    third: Column = F.when(priced, F.ntile(3).over(order))
    return items.withColumns({"brand_trait": F.col(BRAND), "price_trait": third})


def _lifts(trait: str) -> Transform:
    """[segment, item_id, <trait>] -> [segment, <trait>, <trait>_lift]; each segment and trait."""

    def transform(chosen: DataFrame) -> DataFrame:
        known = chosen.where(F.col(trait).isNotNull())
        counts = known.groupBy(SEGMENT, trait).agg(F.count("*").alias("n"))
        whole = F.sum(F.sum("n")).over(Window.partitionBy())
        shares = counts.groupBy(trait).agg((F.sum("n") / whole).alias("share"))
        own = counts.groupBy(SEGMENT).agg(F.sum("n").alias("own"))
        smoothed = (F.coalesce("n", F.lit(0)) + PRIOR * F.col("share")) / (F.col("own") + PRIOR)
        return (
            own.crossJoin(F.broadcast(shares))
            .join(counts, [SEGMENT, trait], "left")
            .select(SEGMENT, trait, (smoothed / F.col("share")).alias(f"{trait}_lift"))
        )

    return transform
