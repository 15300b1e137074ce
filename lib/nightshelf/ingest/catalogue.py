"""Items and users as a shop's own sources tell them, or as its events do."""

from collections.abc import Sequence
from datetime import date
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import (
    ATTRIBUTES,
    DELISTED,
    DS,
    EVENT_TS,
    ITEM,
    PRICE,
    STOCK,
    USER,
    Transform,
)
from nightshelf.config import ItemSource, UserSource
from nightshelf.ingest.day_paths import SOURCE_DAY
from nightshelf.ingest.mapping import TEXT_FIELDS, Pseudonym, day, field
from nightshelf.ingest.references import named_column, value
from nightshelf.ingest.sources import Reader
from nightshelf.tables.contract import STRING_MAP

ITEM_COLUMNS = (
    ITEM, *TEXT_FIELDS, PRICE, STOCK, "launch_date", DELISTED, "image_url", ATTRIBUTES, DS,
)  # fmt: skip


def mapped_items(source: ItemSource, until: date) -> Transform:
    """[an item source's columns] -> [silver.items], one row a source row.

    `ds` is the day from which the row holds. Where `valid_from` tells none it is the day that the
    path names, or `until` where it names none. Later days are left out.
    """

    def transform(rows: DataFrame) -> DataFrame:
        fields: dict[str, Column] = {name: value(ref) for name, ref in source.columns.items()}
        valid_from = fields.get("valid_from")
        told = _told_on(until)
        if valid_from is not None:
            told = F.coalesce(day(source, valid_from), told)
        price = field(fields, PRICE).try_cast("double")
        stock = field(fields, STOCK).try_cast("double")
        return rows.select(
            fields[ITEM].alias(ITEM),
            *(field(fields, name) for name in TEXT_FIELDS),
            F.when(~F.isnan(price) & price.between(0, 1e12), price).alias(PRICE),
            F.when(stock.between(-2e9, 2e9), F.greatest(F.lit(0.0), stock))
            .cast("int")
            .alias(STOCK),
            F.to_date(field(fields, "launch_date").try_cast("timestamp")).alias("launch_date"),
            F.coalesce(field(fields, DELISTED).try_cast("boolean"), F.lit(False)).alias(DELISTED),
            field(fields, "image_url"),
            _attributes(source.attributes).alias(ATTRIBUTES),
            told.alias(DS),
        ).where(F.col(ITEM).isNotNull() & (F.trim(ITEM) != "") & (F.col(DS) <= F.lit(until)))

    return transform


def items_of_events(events: DataFrame) -> DataFrame:
    """[kept events with texts and prices] -> [silver.items]: what was told of an item on each day.

    Texts are the day's latest, the price is the median of what was paid or shown above 0.
    """

    def latest(name: str) -> Column:
        given = F.col(name).isNotNull() & (F.trim(name) != "")
        return F.max(F.when(given, F.struct(EVENT_TS, name)))[name].alias(name)

    daily = events.where(F.col(ITEM).isNotNull()).groupBy(ITEM, DS)
    return daily.agg(
        *(latest(name) for name in TEXT_FIELDS),
        F.median(F.when(F.col(PRICE) > 0, F.col(PRICE))).alias(PRICE),
        F.lit(None).cast("int").alias(STOCK),
        F.lit(None).cast("date").alias("launch_date"),
        F.lit(False).alias(DELISTED),
        F.lit(None).cast("string").alias("image_url"),
        F.lit(None).cast(STRING_MAP).alias(ATTRIBUTES),
    ).select(*ITEM_COLUMNS)


def deliver_items(reader: Reader, sources: Sequence[ItemSource]) -> DataFrame:
    """[silver.items] of all item sources up to the reader's day, one row an (item, day)."""
    frames = [
        rows.transform(mapped_items(source, reader.until))
        for source, rows in reader.each(sources, "items")
    ]
    return reduce(DataFrame.unionByName, frames).transform(_one_row_a_day)


def with_dropped(sold: DataFrame, ds: date) -> Transform:
    """[silver.items of ds] -> the same, and `sold` [item_id] that they lack as `delisted`.

    `sold` holds each item once.
    """

    def transform(items: DataFrame) -> DataFrame:
        dropped = {
            DELISTED: F.coalesce(DELISTED, F.lit(True)),
            DS: F.coalesce(DS, F.lit(ds)),
        }
        return items.join(sold, ITEM, "full").withColumns(dropped).select(*ITEM_COLUMNS)

    return transform


def deliver_users(reader: Reader, sources: Sequence[UserSource], pseudonym: Pseudonym) -> DataFrame:
    """[silver.users] of all user sources up to the reader's day, one row a (user, day)."""
    frames = [
        rows.transform(mapped_users(source, reader.until, pseudonym))
        for source, rows in reader.each(sources, "users")
    ]
    return reduce(DataFrame.unionByName, frames).transform(_one_row_a_day)


def mapped_users(source: UserSource, until: date, pseudonym: Pseudonym = None) -> Transform:
    """[a user source's columns] -> [silver.users], one row a source row.

    `ds` is the day from which the row holds: the one that the path names, or `until` where it names
    none.
    """

    def transform(rows: DataFrame) -> DataFrame:
        fields: dict[str, Column] = {name: value(ref) for name, ref in source.columns.items()}
        user = fields[USER] if pseudonym is None else pseudonym(fields[USER])
        signup = fields.get("signup_date")
        since = F.lit(None) if signup is None else day(source, signup)
        return rows.select(
            user.alias(USER),
            since.cast("date").alias("signup_date"),
            _attributes(source.attributes).alias(ATTRIBUTES),
            _told_on(until).alias(DS),
        ).where(F.col(USER).isNotNull() & (F.trim(USER) != ""))

    return transform


def _told_on(until: date) -> Column:
    return F.coalesce(SOURCE_DAY, F.lit(until))


def _attributes(names: Sequence[str]) -> Column:
    if not names:
        return F.lit(None).cast(STRING_MAP)
    pairs = [x for n in names for x in (F.lit(n), named_column(n).cast("string"))]
    return F.map_filter(F.create_map(*pairs), lambda _, told: told.isNotNull())


def _one_row_a_day(rows: DataFrame) -> DataFrame:
    """Joins the rows of one (item or user, day): the greatest value of each column that has one."""
    key = ITEM if ITEM in rows.columns else USER
    plain = [name for name in rows.columns if name not in (key, DS, ATTRIBUTES)]
    entries = F.flatten(F.collect_list(F.map_entries(ATTRIBUTES)))
    sources = F.array_sort(F.array_distinct(entries))
    return (
        rows.groupBy(key, DS)
        .agg(*(F.max(name).alias(name) for name in plain), sources.alias("entries"))
        .withColumn(ATTRIBUTES, _map_of_sorted(F.col("entries")))
        .select(*rows.columns)
    )


def _map_of_sorted(entries: Column) -> Column:
    """A map of sorted (key, value) entries, each key with its greatest value; null if none."""
    size = F.size(entries)
    last_of_key = F.filter(
        entries,
        lambda entry, i: (i == size - 1) | (F.get(entries, i + 1)["key"] != entry["key"]),
    )
    return F.when(size > 0, F.map_from_entries(last_of_key))
