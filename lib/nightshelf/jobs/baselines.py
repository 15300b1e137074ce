"""The lists that a day's lists are judged beside, made by the same rules from the same tables."""

from collections.abc import Iterator
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.cf.user_based import Likeness
from nightshelf.columns import CO_USERS
from nightshelf.config import RecommendConfig
from nightshelf.jobs.ranking_model import model_in_use, ranking_model
from nightshelf.jobs.texts import similar_texts
from nightshelf.jobs.two_towers import two_towers
from nightshelf.ranking.recommend import Finders, Ingredients, popular, recommend
from nightshelf.ranking.registry import RANKER
from nightshelf.runs import Run
from nightshelf.tables import ITEM_FEATURES, ITEM_NEIGHBOURS, USER_FEATURES

POPULARITY, ITEM_CF, PREVIOUS = "popularity", "item_cf", "previous"
ALONE = {
    "user_cf_weight": 0.0,
    "two_tower_weight": 0.0,
    "text_weight": 0.0,
    "category_weight": 0.0,
    "trending_weight": 1e-6,
}
"""Item-CF and nothing else, its lists filled up with what is popular."""


def baselines(run: Run, made: Ingredients) -> Iterator[tuple[str, DataFrame]]:
    """(name, [user_id, item_id, rank, score, source]) of each that can be made on ds.

    popularity: the most wanted items of all time. item_cf: item-CF alone. previous: the lists that
    the model in use the day before would have ranked, where it is another one than on ds.
    """
    config = run.config.recommend
    yield POPULARITY, popular(made, config, run.config.feedback)
    if not run.store.has(ITEM_NEIGHBOURS, run.ds):
        return
    neighbours = run.read(ITEM_NEIGHBOURS, on=run.ds).where(F.col(CO_USERS) > 0)
    likeness = Likeness(**run.config.user_cf.model_dump())
    yield ITEM_CF, recommend(made, Finders(neighbours, likeness), _alone(config))
    yesterday = run.ds - timedelta(days=1)
    before = model_in_use(run, RANKER, yesterday) if run.config.ctr.enabled else None
    model = ranking_model(run, yesterday) if before != model_in_use(run, RANKER) else None
    if before and model:
        users, items = (run.read(table, on=run.ds) for table in (USER_FEATURES, ITEM_FEATURES))
        towers = two_towers(run)
        tastes = towers.tastes(users, items) if towers else None
        finders = Finders(neighbours, likeness, tastes, similar_texts(run))
        yield PREVIOUS, recommend(made, finders, config, model.clicks(users, items, neighbours))


def _alone(config: RecommendConfig) -> RecommendConfig:
    return config.model_copy(update=ALONE)
