"""Samples: silver tables -> gold.samples, gold.vocabularies, a training set of the night."""

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.cf.histories import parts_for
from nightshelf.columns import DS, EVENT_TYPE, ITEM, NEIGHBOUR, SIMILARITY
from nightshelf.features.choices import Around
from nightshelf.features.cross import NO_TEXTS, ItemTexts, Near, Neighbours
from nightshelf.features.samples import (
    IMPRESSION,
    first_label_day,
    from_events,
    from_impressions,
)
from nightshelf.jobs.build_item_cf import item_neighbours, similarity_in_use
from nightshelf.jobs.features import check_wanted, features, known_items
from nightshelf.jobs.histories import item_histories
from nightshelf.jobs.learning import check_positives
from nightshelf.jobs.ranking_model import ranks
from nightshelf.jobs.reviews import item_opinions
from nightshelf.jobs.texts import text_vectors
from nightshelf.jobs.training_set import export
from nightshelf.ranking.lists import is_repeatable
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.tables import SAMPLES, SILVER_EVENTS, VOCABULARIES
from nightshelf.tables.as_of import items_as_of

SPLITS = ("train", "valid", "test")


def run(run: Run) -> None:
    """Publishes the samples of the label days up to ds, and exports them encoded.

    Skipped where there are too few to train and judge a model.
    """
    check_wanted(run)
    first = first_label_day(run.config.samples, run.ds)
    window = run.read(SILVER_EVENTS, until=run.ds).where(F.col(DS) >= F.lit(first))
    run.rows_in = window.count()
    before = first - timedelta(days=1)  # so that no sample tells its own answer
    histories = _histories(run, before).persist()  # measured, then multiplied
    neighbours = item_neighbours(run, histories, similarity_in_use(run))
    neighbours.persist()  # drawn from, then crossed
    samples = _samples(run, window, neighbours).persist()  # counted, published, exported
    together = ranks(run)
    _check_enough(run, samples, together)
    run.publish(samples, SAMPLES, since=first)
    told = text_vectors(run)
    if told is not None:
        told.vectors.persist()  # of the first day, then of every sample's
    near = Near(
        Neighbours.of(neighbours.select(ITEM, NEIGHBOUR, SIMILARITY).toArrow()),
        NO_TEXTS if told is None else ItemTexts.read(told.as_of(first).toArrow()),
    )
    neighbours.unpersist()
    histories.unpersist()
    export(run, samples, features(run, told, item_opinions(run)), near, together)


def _histories(run: Run, as_of: date) -> DataFrame:
    events = run.read(SILVER_EVENTS, until=as_of).count()
    parts = parts_for(events, run.spark.sparkContext.defaultParallelism)
    return item_histories(run, as_of, parts)


def _samples(run: Run, window: DataFrame, neighbours: DataFrame) -> DataFrame:
    config = run.config
    events = run.read(SILVER_EVENTS, until=run.ds)
    if not window.where(F.col(EVENT_TYPE) == IMPRESSION).isEmpty():
        return events.transform(from_impressions(config.samples, config.feedback, run.ds))
    around = Around(
        items=_catalogue(run),
        neighbours=neighbours,
        half_life_days=config.features.half_life_days,
        recent=config.features.history_length,
        bought_types=config.recommend.bought_types,
    )
    return events.transform(from_events(config.samples, config.feedback, run.ds, around))


def _catalogue(run: Run) -> DataFrame:
    """[item_id, known_since, repeatable]."""
    config = run.config.recommend
    items = known_items(run)
    since = items.groupBy(ITEM).agg(F.min(DS).alias("known_since"))
    again = F.lit(config.repeatable) | is_repeatable(config.repeatable_categories)
    named = items.transform(items_as_of(run.ds)).select(ITEM, again.alias("repeatable"))
    return since.join(named, ITEM, "inner")


def _check_enough(run: Run, samples: DataFrame, together: int) -> None:
    task = run.config.samples.tasks[0]
    told = samples.groupBy("split").agg(F.count("*"), F.sum(F.col("labels")[task])).collect()
    rows = {split: found for split, found, _ in told}
    positives = {split: int(found) for split, _, found in told}
    run.tell(samples=rows, positives=positives)
    check_positives(run, positives.get("train", 0))
    for split in SPLITS:
        found, wanted = rows.get(split, 0), positives.get(split, 0)
        if found < together or not 0 < wanted < found:
            raise Skipped(
                f"{found} {split} samples with {wanted} positives of '{task}' for {together} "
                "ranks: too few to train and judge a model"
            )


JOB = Job("build_samples", run, writes=(SAMPLES, VOCABULARIES))
main = single(JOB)
