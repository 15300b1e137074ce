"""From candidates to ordered lists."""

from collections.abc import Mapping, Sequence
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import (
    CATEGORY,
    ITEM,
    MODEL_ID,
    RANK,
    SCORE,
    SEED_ITEM,
    SOURCE,
    USER,
    Transform,
)
from nightshelf.exact import exact_sum

UNRANKED: Final = "cf-"
"""How the `model_id` of lists begins whose scores are those of candidates, not a model's."""


def by_model() -> Column:
    """Whether a row of lists was scored by a model."""
    return ~F.col(MODEL_ID).startswith(UNRANKED)


def blended(weights: Mapping[str, float]) -> Transform:
    """[candidates of all sources] -> one row a (user, item), score = weighted sum over sources.

    `source` and `seed_item_id` are those of the source that added most; of equal ones, the one
    named first in `weights`.
    """

    def transform(candidates: DataFrame) -> DataFrame:
        weight = F.coalesce(*(F.when(F.col(SOURCE) == s, F.lit(w)) for s, w in weights.items()))
        order = F.array_position(F.array(*(F.lit(s) for s in weights)), F.col(SOURCE))
        added = F.col(SCORE) * weight
        best = F.min(F.struct((-added).alias("added"), order.alias("order"), SOURCE, SEED_ITEM))
        return (
            candidates.groupBy(USER, ITEM)
            .agg(exact_sum(added).alias(SCORE), best.alias("best"))
            .select(USER, ITEM, SCORE, f"best.{SOURCE}", f"best.{SEED_ITEM}")
        )

    return transform


def not_again(
    bought: DataFrame, items: DataFrame, repeatable_categories: Sequence[str]
) -> DataFrame:
    """[user_id, item_id] that a list leaves out: bought before, of no repeatable category."""
    if not repeatable_categories:
        return bought
    again = items.where(is_repeatable(repeatable_categories)).select(ITEM)
    return bought.join(again, ITEM, "left_anti").select(USER, ITEM)


def is_repeatable(categories: Sequence[str]) -> Column:
    """Whether an item's category is one of these, or below one."""
    again = F.lit(False)
    for category in categories:
        again = again | (F.col(CATEGORY) == category) | F.col(CATEGORY).startswith(f"{category} > ")
    return F.coalesce(again, F.lit(False))


def top_k(k: int) -> Transform:
    """[user_id, item_id, score, …] -> the k best of each user with `rank` from 1; ties by id."""

    def transform(scored: DataFrame) -> DataFrame:
        order = Window.partitionBy(USER).orderBy(F.desc(SCORE), F.asc(ITEM))
        return scored.withColumn(RANK, F.row_number().over(order)).where(F.col(RANK) <= k)

    return transform
