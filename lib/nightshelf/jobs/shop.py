"""The shop as of a day, read from the tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from pyspark.sql import functions as F

from nightshelf.columns import DELISTED, ITEM, NEW_USER, USER
from nightshelf.literals import frame_of
from nightshelf.ranking.recommend import Ingredients, Shop, ingredients
from nightshelf.runs import Run
from nightshelf.tables import SILVER_EVENTS, SILVER_ITEMS, SILVER_USERS
from nightshelf.tables.as_of import items_as_of


def shop_as_of(run: Run, ds: date) -> Shop:
    """Everything known up to `ds`. An item that only events name is taken to be on sale."""
    events = run.read(SILVER_EVENTS, until=ds)
    told = run.read(SILVER_ITEMS).transform(items_as_of(ds))
    seen = events.where(F.col(ITEM).isNotNull()).select(ITEM).distinct()
    items = told.join(seen, ITEM, "full").withColumn(
        "available", F.coalesce("available", F.lit(True))
    )
    users = frame_of(run.spark, [(NEW_USER,)], f"{USER} string").unionByName(events.select(USER))
    if run.store.version(SILVER_USERS) is not None:
        users = users.unionByName(run.read(SILVER_USERS, until=ds).select(USER))
    return Shop(
        ds=ds,
        events=events,
        items=items.withColumn(DELISTED, F.coalesce(DELISTED, F.lit(False))),
        users=users.distinct(),
    )


@contextmanager
def kept_ingredients(run: Run, ds: date) -> Iterator[Ingredients]:
    """What the lists of `ds` are made of, kept while in use: each frame feeds several others."""
    made = ingredients(shop_as_of(run, ds), run.config.recommend, run.config.feedback)
    made.keep(*made.frames())
    try:
        yield made
    finally:
        made.release()
