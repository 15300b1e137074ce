"""Recommend: neighbours, events and items -> gold.recommendations, serving.recommendations."""

from datetime import date

from pyspark.sql import functions as F

from nightshelf.cf.user_based import Likeness
from nightshelf.columns import DS, MODEL_ID, RUN_ID
from nightshelf.config import config_hash
from nightshelf.jobs.shop import kept_ingredients
from nightshelf.ranking.recommend import recommend
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import single
from nightshelf.runs.logs import logger
from nightshelf.tables import GOLD_RECOMMENDATIONS, ITEM_NEIGHBOURS, SERVING_RECOMMENDATIONS


def run(run: Run) -> None:
    """Publishes the lists of ds, to readers too unless they have a later one already."""
    names = [column.name for column in GOLD_RECOMMENDATIONS.columns]
    lineage = {
        MODEL_ID: F.lit(f"cf-{config_hash(run.config, 'feedback', 'item_cf', 'user_cf')}"),
        RUN_ID: F.lit(run.run_id),
        DS: F.lit(run.ds),
    }
    neighbours = run.read(ITEM_NEIGHBOURS, on=run.ds)
    likeness = Likeness(**run.config.user_cf.model_dump())
    with kept_ingredients(run, run.ds) as made:
        run.rows_in = made.positives.count()
        lists = recommend(made, neighbours, likeness, run.config.recommend)
        run.publish(lists.withColumns(lineage).select(*names), GOLD_RECOMMENDATIONS)
    if run.dry_run:
        return
    newest = run.store.last_manifest(SERVING_RECOMMENDATIONS).get("ds")
    if newest is not None and date.fromisoformat(newest) > run.ds:
        logger().warning("readers keep their later list", published=newest, this=run.ds.isoformat())
        return
    # From the published rows, so that both tables hold the same lists.
    run.store.versions.pop(GOLD_RECOMMENDATIONS.name, None)
    run.store.publish(run.read(GOLD_RECOMMENDATIONS, on=run.ds), SERVING_RECOMMENDATIONS, run.ds)


JOB = Job("recommend", run, writes=(GOLD_RECOMMENDATIONS, SERVING_RECOMMENDATIONS))
main = single(JOB)
