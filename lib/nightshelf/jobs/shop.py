"""The shop as of a day, read from the tables."""

from datetime import date

from pyspark.sql import functions as F

from nightshelf.columns import DELISTED, ITEM, USER
from nightshelf.ranking.recommend import Shop
from nightshelf.runs import Run
from nightshelf.tables import ITEM_NEIGHBOURS, SILVER_EVENTS, SILVER_ITEMS, SILVER_USERS
from nightshelf.tables.as_of import items_as_of


def shop_as_of(run: Run, ds: date) -> Shop:
    """Everything known up to `ds`. An item that only events name is taken to be on sale."""
    events = run.read(SILVER_EVENTS, until=ds)
    told = run.read(SILVER_ITEMS).transform(items_as_of(ds))
    seen = events.where(F.col(ITEM).isNotNull()).select(ITEM).distinct()
    items = told.join(seen, ITEM, "full").withColumn(
        "available", F.coalesce("available", F.lit(True))
    )
    users = events.select(USER)
    if run.store.version(SILVER_USERS) is not None:
        users = users.unionByName(run.read(SILVER_USERS, until=ds).select(USER))
    return Shop(
        ds=ds,
        events=events,
        items=items.withColumn(DELISTED, F.coalesce(DELISTED, F.lit(False))),
        neighbours=run.read(ITEM_NEIGHBOURS, on=ds),
        users=users.distinct(),
    )
