"""Items and users as they were on a day."""

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import ATTRIBUTES, DELISTED, DS, ITEM, STOCK, USER, Transform
from nightshelf.tables.catalogue import SILVER_ITEMS
from nightshelf.tables.contract import STRING_MAP


def items_as_of(ds: date) -> Transform:
    """[silver.items] -> one row an item: of each column the newest value told up to ds.

    A null in a later row leaves the earlier value. Adds `available` BOOLEAN: launched by the day
    after ds, which the lists are for, in stock or of unknown stock, and not delisted.
    """

    def newest(name: str) -> Column:
        return F.max_by(name, F.when(F.col(name).isNotNull(), F.col(DS))).alias(name)

    def transform(items: DataFrame) -> DataFrame:
        names = [c.name for c in SILVER_ITEMS.columns if c.name not in (ITEM, DS, ATTRIBUTES)]
        launched = F.coalesce(F.col("launch_date") <= F.date_add(F.lit(ds), 1), F.lit(True))
        in_stock = F.coalesce(F.col(STOCK) > 0, F.lit(True))
        return (
            items.where(F.col(DS) <= F.lit(ds))
            .groupBy(ITEM)
            .agg(*(newest(name) for name in names), _newest_attributes())
            .withColumn("available", launched & in_stock & ~F.col(DELISTED))
        )

    return transform


def since_first_event(events: DataFrame) -> Transform:
    """[silver.items] -> the same, an item's first row dated back to its first event, if earlier.

    A catalogue that tells no dates is delivered after what it describes.
    """
    first_row = Window.partitionBy(ITEM)

    def transform(items: DataFrame) -> DataFrame:
        seen = events.where(F.col(ITEM).isNotNull()).groupBy(ITEM).agg(F.min(DS).alias("seen"))
        dated = F.when(F.col(DS) == F.min(DS).over(first_row), F.least(DS, "seen")).otherwise(
            F.col(DS)
        )
        return items.join(seen, ITEM, "left").withColumn(DS, dated).select(*items.columns)

    return transform


def changes(users: DataFrame) -> DataFrame:
    """[silver.users] -> those of its rows that tell anything else than the user's row before."""
    told = F.struct("signup_date", F.array_sort(F.map_entries(ATTRIBUTES)))
    before = F.lag(told).over(Window.partitionBy(USER).orderBy(DS))
    return users.withColumn("is_new", ~told.eqNullSafe(before)).where("is_new").drop("is_new")


def _newest_attributes() -> Column:
    """All attributes ever told, each with its newest value."""
    told = F.array_sort(
        F.collect_list(
            F.when(F.col(ATTRIBUTES).isNotNull(), F.struct(DS, F.map_entries(ATTRIBUTES)))
        )
    )

    def overlay(known: Column, row: Column) -> Column:
        new = F.map_from_entries(row["col2"])
        return F.map_concat(F.map_filter(known, lambda k, _: ~F.map_contains_key(new, k)), new)

    return F.aggregate(told, F.create_map().cast(STRING_MAP), overlay).alias(ATTRIBUTES)
