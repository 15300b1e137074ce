"""Candidate items for each user, each tagged with the source that found it.

Every generator returns [user_id, item_id, source, score, seed_item_id], one row a (user, item).
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import (
    CATEGORY,
    ITEM,
    RANK,
    SCORE,
    SEED_ITEM,
    SOURCE,
    USER,
    WEIGHT,
    Transform,
)
from nightshelf.exact import exact_sum

ITEM_CF, USER_CF, CATEGORY_TREND = "item_cf", "user_cf", "category"
TWO_TOWER, TEXT = "two_tower", "text"
TREND, POPULAR, CATALOGUE = "trending", "popular", "catalogue"
COLUMNS = (USER, ITEM, SOURCE, SCORE, SEED_ITEM)


def from_lists(source: str) -> Transform:
    """[user_id, item_id, score, seed_item_id] -> candidates, scored by share of the user's best."""
    best = F.max(SCORE).over(Window.partitionBy(USER))
    return lambda lists: lists.withColumns(
        {SCORE: F.col(SCORE) / best, SOURCE: F.lit(source)}
    ).select(*COLUMNS)


def from_vectors(temperature: float) -> Transform:
    """[user_id, item_id, score] by cosine -> candidates, scored by share of the user's best.

    A cosine c counts exp((c - 1) / temperature), in (0, 1], as in the softmax that the towers were
    trained by.
    """
    share = F.exp((F.col(SCORE) - 1.0) / temperature)
    unnamed = F.lit(None).cast("string")
    return lambda lists: lists.withColumns({SCORE: share, SEED_ITEM: unnamed}).transform(
        from_lists(TWO_TOWER)
    )


def from_categories(trends: DataFrame, items: DataFrame, top: int) -> Transform:
    """[user_id, item_id, weight] seeds -> trending items of each user's `top` loved categories.

    Score: the item's trend times the category's share of the user's weight in their best category.
    """

    def transform(seeds: DataFrame) -> DataFrame:
        loved = (
            seeds.join(items.select(ITEM, CATEGORY), ITEM, "inner")
            .where(F.col(CATEGORY).isNotNull())
            .groupBy(USER, CATEGORY)
            .agg(exact_sum(F.col(WEIGHT)).alias("love"))
        )
        user = Window.partitionBy(USER)
        order = user.orderBy(F.desc("love"), F.asc(CATEGORY))
        return (
            loved.where("love > 0")  # what is long forgotten rounds to nothing
            .withColumn("place", F.row_number().over(order))
            .withColumn("share", F.col("love") / F.max("love").over(user))
            .where(F.col("place") <= top)
            .join(trends, CATEGORY, "inner")
            .select(
                USER,
                ITEM,
                F.lit(CATEGORY_TREND).alias(SOURCE),
                (F.col("share") * F.col(SCORE)).alias(SCORE),
                F.lit(None).cast("string").alias(SEED_ITEM),
            )
        )

    return transform


def from_trend(catalogue: DataFrame, depth: DataFrame, k: int) -> Transform:
    """[user_id] -> the first `k` + depth of the ranked catalogue for each user.

    `depth` [user_id, excluded]: how many items a user's list leaves out. That many more are taken,
    so that k remain for everyone whatever is left out.
    """

    def transform(users: DataFrame) -> DataFrame:
        wanted = F.lit(k) + F.coalesce("excluded", F.lit(0))
        source = (
            F.when(F.col("is_recent"), TREND).when(F.col(SCORE) > 0, POPULAR).otherwise(CATALOGUE)
        )
        return (
            users.join(depth, USER, "left")
            .select(USER, F.explode(F.sequence(F.lit(1), wanted.cast("int"))).alias(RANK))
            .join(F.broadcast(catalogue), RANK, "inner")
            .select(
                USER, ITEM, source.alias(SOURCE), SCORE, F.lit(None).cast("string").alias(SEED_ITEM)
            )
        )

    return transform
