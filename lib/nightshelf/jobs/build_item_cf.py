"""Item-based collaborative filtering: silver.events -> gold.item_neighbours."""

from pyspark.sql import functions as F

from nightshelf.cf.interactions import pair_weights
from nightshelf.cf.item_neighbours import neighbours
from nightshelf.columns import DS
from nightshelf.feedback import positive_events
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import single
from nightshelf.tables import ITEM_NEIGHBOURS, SILVER_EVENTS


def run(run: Run) -> None:
    """Builds the neighbours of every item from all events up to ds."""
    cf, feedback = run.config.item_cf, run.config.feedback
    events = run.read(SILVER_EVENTS, until=run.ds).transform(
        positive_events(feedback.weights, feedback.positive_rating)
    )
    run.rows_in = events.count()
    pairs = events.transform(
        pair_weights(
            as_of=run.ds,
            event_weights=feedback.weights,
            half_life_days=cf.half_life_days,
            max_items_per_user=cf.max_items_per_user,
            binary=cf.binary,
        )
    )
    found = pairs.transform(
        neighbours(
            k=cf.k,
            shrinkage=cf.shrinkage,
            min_co_users=cf.min_co_users,
            blocks=cf.blocks or run.spark.sparkContext.defaultParallelism,
        )
    )
    run.publish(found.withColumn(DS, F.lit(run.ds)), ITEM_NEIGHBOURS)


JOB = Job("build_item_cf", run, writes=(ITEM_NEIGHBOURS,))
main = single(JOB)
