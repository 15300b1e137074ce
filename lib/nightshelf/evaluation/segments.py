"""Kinds of users, by what was known of them when their lists were made."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import (
    ATTRIBUTES,
    CATEGORY,
    DS,
    ITEM,
    PRICE,
    SEGMENT,
    USER,
    Transform,
    top_of_path,
)
from nightshelf.exact import exact_sum

ACTIVITY: Final[Mapping[str, int]] = {"many": 10, "some": 3, "few": 1}
"""At least so many different items wanted."""
TENURE_DAYS: Final[Mapping[str, int]] = {"years": 365, "months": 30, "weeks": 7, "days": 0}
"""At least so many days since the first event that spoke for an item."""
PRICE_LEVEL: Final[Mapping[str, float]] = {"high": 2 / 3, "middle": 1 / 3, "low": 0.0}
"""At least so much of the catalogue is cheaper than what is wanted, on average."""
OTHER: Final = "other"


def segments(
    ds: date, items: DataFrame, users: DataFrame | None, attributes: Sequence[str], categories: int
) -> Transform:
    """[positive events up to ds] -> [user_id, segment], each pair once.

    Segments are told as `activity:few`: activity, tenure, price and category (that the user wanted
    most items of, ties by name), and the named attributes of users. items [item_id, category,
    price], one row an item; users: silver.users, the newest rows of which count. Only the
    `categories` with most users have a segment of their own, the others share `category:other`.
    """

    def transform(positives: DataFrame) -> DataFrame:
        pairs = positives.groupBy(USER, ITEM).agg(F.min(DS).alias("first"))
        told = pairs.join(items.transform(_levels), ITEM, "left")
        level = exact_sum(F.col("level")) / F.count("level")
        each = told.groupBy(USER).agg(
            F.count("*").alias("items"), F.min("first").alias("first"), level.alias("level")
        )
        tenure = F.date_diff(F.lit(ds), "first")
        found = each.select(
            USER,
            F.explode(
                F.array(
                    _named("activity", F.col("items"), ACTIVITY),
                    _named("tenure", tenure, TENURE_DAYS),
                    _named("price", F.col("level"), PRICE_LEVEL),
                )
            ).alias(SEGMENT),
        ).unionByName(told.transform(_loved(categories)))
        if users is not None and attributes:
            found = found.unionByName(users.transform(_told_of(ds, attributes)))
        return found.where(F.col(SEGMENT).isNotNull())

    return transform


def _levels(items: DataFrame) -> DataFrame:
    """[item_id, category, level]: the top of its category's path; the share of cheaper items."""
    top = top_of_path(CATEGORY)
    priced = F.when(F.col(PRICE) > 0, F.col(PRICE))
    # One partition a side: a catalogue is ranked here, not the events.
    level = F.percent_rank().over(Window.partitionBy(priced.isNull()).orderBy(priced))
    return items.select(ITEM, top.alias(CATEGORY), F.when(priced.isNotNull(), level).alias("level"))


def _loved(most: int) -> Transform:
    """[user_id, item_id, category] -> [user_id, segment] of the best-loved category."""

    def transform(told: DataFrame) -> DataFrame:
        counts = (
            told.where(F.trim(CATEGORY) != "").groupBy(USER, CATEGORY).agg(F.count("*").alias("n"))
        )
        best = F.min(F.struct((-F.col("n")).alias("n"), CATEGORY))[CATEGORY]
        loved = counts.groupBy(USER).agg(best.alias(CATEGORY))
        sizes = loved.groupBy(CATEGORY).agg(F.count("*").alias("users"))
        own = sizes.orderBy(F.desc("users"), CATEGORY).limit(most).select(CATEGORY)
        own = own.withColumn("own", F.col(CATEGORY))
        name = F.concat(F.lit("category:"), F.coalesce("own", F.lit(OTHER)))
        return loved.join(F.broadcast(own), CATEGORY, "left").select(USER, name.alias(SEGMENT))

    return transform


def _told_of(ds: date, attributes: Sequence[str]) -> Transform:
    """[silver.users] -> [user_id, segment], a row an attribute that is told of the user."""

    def transform(users: DataFrame) -> DataFrame:
        newest = (
            users.where(F.col(DS) <= F.lit(ds))
            .groupBy(USER)
            .agg(F.max_by(ATTRIBUTES, DS).alias(ATTRIBUTES))
        )
        named = (
            F.concat(F.lit(f"{name}:"), F.try_element_at(ATTRIBUTES, F.lit(name)))
            for name in attributes
        )
        return newest.select(USER, F.explode(F.array(*named)).alias(SEGMENT))

    return transform


def _named(kind: str, value: Column, least: Mapping[str, float]) -> Column:
    """`kind:name` of the first name whose bound the value reaches; null where it reaches none."""
    names = (F.when(value >= bound, F.lit(f"{kind}:{name}")) for name, bound in least.items())
    return F.coalesce(*names)
