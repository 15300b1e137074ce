"""Why an item is on a list, in a short sentence that a shop can show."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import (
    CATEGORY,
    EVENT_TYPE,
    FEATURES,
    ITEM,
    REASON,
    SEED_ITEM,
    SOURCE,
    TITLE,
    USER,
    Transform,
)
from nightshelf.ranking.candidates import (
    CATALOGUE,
    CATEGORY_TREND,
    ITEM_CF,
    POPULAR,
    TEXT,
    TREND,
    TWO_TOWER,
    USER_CF,
)

DEEDS = {
    "purchase": "you bought",
    "cart": "you put in your cart",
    "rating": "you liked",
    "click": "you looked at",
    "view": "you looked at",
}
"""What a user did with a seed item, the strongest deed first."""


def with_reasons(items: DataFrame, positives: DataFrame) -> Transform:
    """[user_id, item_id, source, seed_item_id, …] -> the same with `reason`.

    `items` [item_id, title, category] is unique by item; `positives` are the events that a seed
    came from.
    """

    def transform(lists: DataFrame) -> DataFrame:
        places = {kind: place for place, kind in enumerate(DEEDS)}
        place = F.coalesce(*(F.when(F.col(EVENT_TYPE) == k, F.lit(p)) for k, p in places.items()))
        deeds = positives.groupBy(USER, F.col(ITEM).alias(SEED_ITEM)).agg(
            F.min(place).alias("deed")
        )
        seeds = items.select(F.col(ITEM).alias(SEED_ITEM), F.col(TITLE).alias("seed_title"))
        names = items.select(ITEM, CATEGORY)
        return (
            lists.join(deeds, [USER, SEED_ITEM], "left")
            .join(seeds, SEED_ITEM, "left")
            .join(names, ITEM, "left")
            .withColumn(REASON, _sentence())
            .drop("deed", "seed_title", CATEGORY)
        )

    return transform


def with_features(features: Transform | None) -> Transform:
    """[user_id, item_id, …] -> the same with `features`: an array of names, or null.

    features: [user_id, item_id, …] -> [user_id, item_id, features]; None: nothing is named. Reads
    the lists twice.
    """
    if features is None:
        return lambda lists: lists.withColumn(FEATURES, F.lit(None).cast("array<string>"))
    return lambda lists: lists.join(lists.transform(features), [USER, ITEM], "left")


def _sentence() -> Column:
    deed = F.coalesce(
        *(F.when(F.col("deed") == place, F.lit(told)) for place, told in enumerate(DEEDS.values()))
    )
    title = F.coalesce(F.nullif(F.trim("seed_title"), F.lit("")), SEED_ITEM)
    leaf = F.trim(F.element_at(F.split(CATEGORY, " > "), -1))
    source = F.col(SOURCE)
    return (
        F.when(source == ITEM_CF, F.concat(F.lit("Because "), deed, F.lit(" "), title))
        .when(source == USER_CF, F.lit("Liked by shoppers with your taste"))
        .when(source == TEXT, F.concat(F.lit("Similar to "), title))
        .when(source == TWO_TOWER, F.lit("Picked for your taste"))
        .when(source == CATEGORY_TREND, F.concat(F.lit("Popular in "), leaf, F.lit(" this week")))
        .when(source == TREND, F.lit("Popular this week"))
        .when(source == POPULAR, F.lit("A favourite of our shoppers"))
        .when(source == CATALOGUE, F.lit("From the catalogue"))
    )
