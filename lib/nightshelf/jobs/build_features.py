"""Features of the day: silver tables -> gold.user_features, gold.item_features."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, ITEM, USER
from nightshelf.features.item_features import item_features
from nightshelf.features.user_features import user_features
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.tables import (
    ITEM_FEATURES,
    SILVER_EVENTS,
    SILVER_ITEMS,
    SILVER_USERS,
    USER_FEATURES,
)
from nightshelf.tables.as_of import since_first_event


def run(run: Run) -> None:
    """Publishes what is known as of ds of every user and item that any table names up to then."""
    config = run.config
    if not (config.ctr.enabled or config.towers.enabled):
        raise Skipped("neither ctr.enabled nor towers.enabled is true")
    events = run.read(SILVER_EVENTS, until=run.ds)
    items = run.read(SILVER_ITEMS, until=run.ds).transform(since_first_event(events))
    users = None
    if run.store.version(SILVER_USERS) is not None:
        users = run.read(SILVER_USERS, until=run.ds)
    run.rows_in = events.count()
    run.publish(
        _known(run, USER, events, users).transform(
            user_features(config.features, config.feedback, events, items, users)
        ),
        USER_FEATURES,
    )
    run.publish(
        _known(run, ITEM, events.where(F.col(ITEM).isNotNull()), items).transform(
            item_features(config.features, config.feedback, events, items)
        ),
        ITEM_FEATURES,
    )


def _known(run: Run, key: str, events: DataFrame, told: DataFrame | None) -> DataFrame:
    """[key, ds]: each key in either frame, as of the run's ds."""
    seen = events.select(key)
    named = seen if told is None else seen.unionByName(told.select(key))
    return named.distinct().withColumn(DS, F.lit(run.ds))


JOB = Job("build_features", run, writes=(USER_FEATURES, ITEM_FEATURES))
main = single(JOB)
