"""Recommend: neighbours, events and items -> gold.recommendations, serving.recommendations."""

from pyspark.sql import functions as F

from nightshelf.cf.user_based import Likeness
from nightshelf.columns import CO_USERS, DS, MODEL_ID, RUN_ID
from nightshelf.config import config_hash
from nightshelf.ctr.explain import check_installed
from nightshelf.jobs.auditing import lists_as_usual
from nightshelf.jobs.ranking_model import ranking_model
from nightshelf.jobs.serving import serve
from nightshelf.jobs.shop import kept_ingredients
from nightshelf.jobs.texts import similar_texts
from nightshelf.jobs.two_towers import two_towers
from nightshelf.ranking.lists import UNRANKED
from nightshelf.ranking.recommend import Finders, recommend
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import single
from nightshelf.tables import (
    GOLD_RECOMMENDATIONS,
    ITEM_FEATURES,
    ITEM_NEIGHBOURS,
    SERVING_RECOMMENDATIONS,
    USER_FEATURES,
)
from nightshelf.tables.commits import LENGTH


def run(run: Run) -> None:
    """Publishes the lists of ds, to readers too unless they have a later one already."""
    config = run.config.recommend
    if config.explain:
        check_installed()
    model, towers = ranking_model(run), two_towers(run)
    names = [column.name for column in GOLD_RECOMMENDATIONS.columns]
    lineage = {
        MODEL_ID: F.lit(model.model_id if model else cf_id(run)),
        RUN_ID: F.lit(run.run_id),
        DS: F.lit(run.ds),
    }
    # Those by text alone are no item-CF: they are a source of their own.
    neighbours = run.read(ITEM_NEIGHBOURS, on=run.ds).where(F.col(CO_USERS) > 0)
    likeness = Likeness(**run.config.user_cf.model_dump())
    with kept_ingredients(run, run.ds) as made:
        run.rows_in = made.positives.count()
        clicks = tastes = features = None
        if model or towers:
            users, items = (run.read(table, on=run.ds) for table in (USER_FEATURES, ITEM_FEATURES))
            clicks = model.clicks(users, items, neighbours) if model else None
            tastes = towers.tastes(users, items) if towers else None
            if model and config.explain:
                features = model.features(config.explain, users, items, neighbours)
        finders = Finders(neighbours, likeness, tastes, similar_texts(run))
        lists = recommend(made, finders, config, clicks, features)
        rows = lists.withColumns(lineage).select(*names)
        check = lists_as_usual(run, made)
        run.publish(rows, GOLD_RECOMMENDATIONS, about={LENGTH: config.k}, check=check)
    run.tell(
        ranked_by=model.model_id if model else "item-CF and trends",
        two_towers=towers.model_id if towers else "none",
    )
    serve(run, SERVING_RECOMMENDATIONS)


def cf_id(run: Run) -> str:
    """What lists that no model ranked are told to be made by."""
    return f"{UNRANKED}{config_hash(run.config, 'feedback', 'item_cf', 'user_cf')}"


JOB = Job("recommend", run, writes=(GOLD_RECOMMENDATIONS, SERVING_RECOMMENDATIONS))
main = single(JOB)
