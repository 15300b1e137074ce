"""Item-based collaborative filtering: silver.events -> gold.item_neighbours."""

from pyspark.sql import functions as F

from nightshelf.cf.ease import Ease
from nightshelf.cf.events import Weighing
from nightshelf.cf.histories import from_files, parts_for
from nightshelf.cf.item_neighbours import neighbours
from nightshelf.cf.plan import Limits
from nightshelf.columns import DS
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import single
from nightshelf.tables import ITEM_NEIGHBOURS, SILVER_EVENTS


def run(run: Run) -> None:
    """Builds the neighbours of every item from all events up to ds."""
    cf, feedback = run.config.item_cf, run.config.feedback
    cores = run.spark.sparkContext.defaultParallelism
    run.rows_in = run.read(SILVER_EVENTS, until=run.ds).count()
    histories = (
        run.store.contents(SILVER_EVENTS, until=run.ds)
        .transform(
            from_files(
                Weighing(run.ds, feedback.weights, feedback.positive_rating, cf.half_life_days),
                max_items_per_user=cf.max_items_per_user,
                binary=cf.binary,
                parts=parts_for(run.rows_in, cores),
            )
        )
        .persist()  # measured, then multiplied
    )
    found = neighbours(
        histories,
        similarity=cf.similarity,
        k=cf.k,
        shrinkage=cf.shrinkage,
        min_co_users=cf.min_co_users,
        limits=Limits(
            blocks=cf.blocks or cores,
            broadcast_bytes=cf.broadcast_mb * 2**20,
            task_bytes=cf.task_mb * 2**20,
            plan=cf.plan,
        ),
        ease=Ease(cf.ease_items, cf.ease_regularisation),
    )
    run.publish(found.withColumn(DS, F.lit(run.ds)), ITEM_NEIGHBOURS)
    histories.unpersist()


JOB = Job("build_item_cf", run, writes=(ITEM_NEIGHBOURS,))
main = single(JOB)
