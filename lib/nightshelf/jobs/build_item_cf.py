"""Item-based collaborative filtering: silver.events -> gold.item_neighbours."""

from datetime import timedelta
from typing import get_args

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.cf.ease import Ease
from nightshelf.cf.histories import parts_for, to_pairs
from nightshelf.cf.item_neighbours import neighbours
from nightshelf.cf.plan import Limits
from nightshelf.cf.similarities import Similarity
from nightshelf.columns import (
    CO_USERS,
    DS,
    ITEM,
    NEIGHBOUR,
    RANK,
    SIMILARITY,
    USER,
    Transform,
)
from nightshelf.feedback import positive_events
from nightshelf.jobs.auditing import steady
from nightshelf.jobs.histories import item_histories, nightly_histories
from nightshelf.jobs.texts import similar_texts
from nightshelf.placement import part_keys
from nightshelf.ranking.choice import best, ndcg_by_similarity
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import single
from nightshelf.tables import ITEM_NEIGHBOURS, OPS_HISTORY_TOTALS, SILVER_EVENTS
from nightshelf.tables.commits import LENGTH

OTHERWISE: Similarity = "cosine"


def run(run: Run) -> None:
    """Builds the neighbours of every item from all events up to ds."""
    cf = run.config.item_cf
    run.rows_in = run.read(SILVER_EVENTS, until=run.ds).count()
    similarity = _chosen(run) if cf.similarity == "auto" else cf.similarity
    parts = parts_for(run.rows_in, run.spark.sparkContext.defaultParallelism)
    histories = nightly_histories(run, parts).persist()  # measured, then multiplied
    found = item_neighbours(run, histories, similarity)
    texts = similar_texts(run)
    if texts is not None:
        found = found.transform(with_cold_items(texts, histories.transform(to_pairs)))
    published = found.withColumn(DS, F.lit(run.ds))
    run.publish(
        published,
        ITEM_NEIGHBOURS,
        about={"similarity": similarity, LENGTH: cf.k},
        in_ranges=similarity != "ease",  # whose head is dealt out otherwise
        check=steady(run, ITEM_NEIGHBOURS, cf.k),
    )


def item_neighbours(run: Run, histories: DataFrame, similarity: Similarity) -> DataFrame:
    """[item_id, rank, neighbour_id, similarity, co_users] of packed histories, as configured."""
    cf = run.config.item_cf
    limits = Limits(
        blocks=cf.blocks or run.spark.sparkContext.defaultParallelism,
        broadcast_bytes=cf.broadcast_mb * 2**20,
        task_bytes=cf.task_mb * 2**20,
        plan=cf.plan,
    )
    return neighbours(
        histories,
        similarity=similarity,
        k=cf.k,
        shrinkage=cf.shrinkage,
        min_co_users=cf.min_co_users,
        limits=limits,
        ease=Ease(cf.ease_items, cf.ease_regularisation, cf.ease_noise),
    )


def with_cold_items(texts: DataFrame, wanted: DataFrame) -> Transform:
    """Neighbours -> the same and, of items that nobody has wanted yet, those of similar texts.

    texts: gold.text_neighbours of the day; wanted [user_id, item_id]. Their co_users is 0.
    """
    cold = texts.join(wanted.select(ITEM).distinct(), ITEM, "left_anti")
    rows = cold.select(ITEM, RANK, NEIGHBOUR, SIMILARITY, F.lit(0).cast("bigint").alias(CO_USERS))
    return lambda neighbours: neighbours.unionByName(rows)


def similarity_in_use(run: Run) -> Similarity:
    """The configured similarity; where that is auto, the one that was last chosen."""
    configured = run.config.item_cf.similarity
    if configured != "auto":
        return configured
    chosen: Similarity = run.store.manifest_read(ITEM_NEIGHBOURS).get("similarity", OTHERWISE)
    return chosen


def _chosen(run: Run) -> Similarity:
    """The similarity that is best on the last days, by some of the users; told in the summary."""
    first = run.ds - timedelta(days=run.config.evaluate.horizon_days - 1)
    parts = max(1, -(-run.rows_in // run.config.item_cf.auto_events))
    some = item_histories(run, first - timedelta(days=1), parts).where(
        F.col("part") == part_keys(parts)[0]
    )
    feedback = run.config.feedback
    later = (
        run.read(SILVER_EVENTS, until=run.ds)
        .where(F.col(DS) >= F.lit(first))
        .transform(positive_events(feedback.weights, feedback.positive_rating))
        .select(USER, ITEM)
    )
    histories = some.persist()  # read by every similarity
    judged = ndcg_by_similarity(
        histories, later, get_args(Similarity), lambda h, s: item_neighbours(run, h, s), parts=parts
    )
    histories.unpersist()
    chosen = best(judged, OTHERWISE)
    run.tell(similarity=chosen, valid_ndcg=judged, valid_since=first.isoformat())
    return chosen


JOB = Job("build_item_cf", run, writes=(ITEM_NEIGHBOURS, OPS_HISTORY_TOTALS))
main = single(JOB)
