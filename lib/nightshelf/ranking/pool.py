"""The candidates that a model scores, and the scores that it gives them."""

from collections.abc import Mapping

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, RANK, SCORE, SEED_ITEM, SOURCE, USER, Transform
from nightshelf.ranking.lists import blended, top_k

CLICK = "click"


def pooled(weights: Mapping[str, float], size: int) -> Transform:
    """[candidates of all sources] -> the `size` best items of each user by blended score.

    [user_id, item_id, score, source, seed_item_id], one row a (user, item); source and seed are
    those of the largest part of the blend (see `blended`). Ties go to the smaller id.
    """
    return lambda candidates: (
        candidates.transform(blended(weights)).transform(top_k(size)).drop(RANK)
    )


def rescored(probabilities: DataFrame, model_weight: float) -> Transform:
    """[user_id, item_id, score, source, seed_item_id] -> the same rows, scored by the model.

    probabilities [user_id, item_id, click], at most one row a (user, item); see `judged`.
    """
    clicks = probabilities.select(USER, ITEM, CLICK)
    return lambda pool: pool.join(clicks, [USER, ITEM], "left").transform(judged(model_weight))


def judged(model_weight: float) -> Transform:
    """[a pool with `click` DOUBLE] -> [user_id, item_id, score, source, seed_item_id].

    Score: click ** model_weight * share ** (1 - model_weight), where share is the blended score
    over the user's best: 1 is the probability alone, 0 the order of the blend. A `click` that is
    null or NaN is none. A user without any keeps the blended scores; an item without one, of a user
    with others, takes the user's lowest times its share, which no item with one is below.
    """

    def transform(pool: DataFrame) -> DataFrame:
        user = Window.partitionBy(USER)
        click = F.nanvl(CLICK, F.lit(None).cast("double"))
        lowest, best = F.min(click).over(user), F.max(SCORE).over(user)
        share = F.when(best > 0, F.col(SCORE) / best).otherwise(F.lit(1.0))
        probability = F.coalesce(click, lowest * share)
        mixture = F.pow(probability, F.lit(model_weight)) * F.pow(share, F.lit(1 - model_weight))
        return pool.select(USER, ITEM, F.coalesce(mixture, SCORE).alias(SCORE), SOURCE, SEED_ITEM)

    return transform
