"""What the features of a run are made of, for the night and for the days of its samples."""

from pyspark.sql import DataFrame

from nightshelf.columns import ITEM, USER, Transform
from nightshelf.features.item_features import Texts, item_features
from nightshelf.features.user_features import user_features
from nightshelf.runs import Run, Skipped
from nightshelf.tables import SILVER_EVENTS, SILVER_ITEMS, SILVER_USERS
from nightshelf.tables.as_of import since_first_event


def check_wanted(run: Run) -> None:
    """Raises Skipped where no model is to be trained."""
    if not (run.config.ctr.enabled or run.config.towers.enabled):
        raise Skipped("neither ctr.enabled nor towers.enabled is true")


def known_items(run: Run) -> DataFrame:
    """silver.items up to ds, each item known from its first event on at the latest."""
    events = run.read(SILVER_EVENTS, until=run.ds)
    return run.read(SILVER_ITEMS, until=run.ds).transform(since_first_event(events))


def known_users(run: Run) -> DataFrame | None:
    """silver.users up to ds; None where the shop tells nothing of its users."""
    if run.store.version(SILVER_USERS) is None:
        return None
    return run.read(SILVER_USERS, until=run.ds)


def features(
    run: Run, texts: Texts | None, opinions: DataFrame | None = None
) -> dict[str, Transform]:
    """By user_id and item_id: [key, ds] -> the rows of the table of features.

    texts: the vectors of the items' texts, opinions: what their reviews say, where there are any.
    """
    config, events, items = run.config, run.read(SILVER_EVENTS, until=run.ds), known_items(run)
    return {
        USER: user_features(config.features, config.feedback, events, items, known_users(run)),
        ITEM: item_features(config.features, config.feedback, events, items, texts, opinions),
    }
