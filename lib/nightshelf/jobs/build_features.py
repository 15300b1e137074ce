"""Features of the day: silver tables -> gold.user_features, gold.item_features."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, ITEM, USER
from nightshelf.jobs.features import check_wanted, features, known_items, known_users
from nightshelf.jobs.reviews import item_opinions
from nightshelf.jobs.texts import text_vectors
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import single
from nightshelf.tables import ITEM_FEATURES, SILVER_EVENTS, USER_FEATURES


def run(run: Run) -> None:
    """Publishes what is known as of ds of every user and item that any table names up to then."""
    check_wanted(run)
    events = run.read(SILVER_EVENTS, until=run.ds)
    made = features(run, text_vectors(run), item_opinions(run))
    run.rows_in = events.count()
    users = _known(run, USER, events, known_users(run))
    items = _known(run, ITEM, events.where(F.col(ITEM).isNotNull()), known_items(run))
    run.publish(users.transform(made[USER]), USER_FEATURES)
    run.publish(items.transform(made[ITEM]), ITEM_FEATURES)


def _known(run: Run, key: str, events: DataFrame, told: DataFrame | None) -> DataFrame:
    """[key, ds]: each key in either frame, as of the run's ds."""
    seen = events.select(key)
    named = seen if told is None else seen.unionByName(told.select(key))
    return named.distinct().withColumn(DS, F.lit(run.ds))


JOB = Job("build_features", run, writes=(USER_FEATURES, ITEM_FEATURES))
main = single(JOB)
