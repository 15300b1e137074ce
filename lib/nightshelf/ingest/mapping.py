"""From a source's own columns to Nightshelf's, with nothing judged or dropped yet."""

import json
from collections.abc import Callable, Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import EVENT_TS, EVENT_TYPE, ITEM, SOURCE_ROW, USER
from nightshelf.config import EventSource, FileSource
from nightshelf.ingest.day_paths import SOURCE_DAY, SOURCE_FILE
from nightshelf.ingest.references import column_names, named_column, value
from nightshelf.ingest.sources import CORRUPT

Pseudonym = Callable[[Column], Column] | None
TEXT_FIELDS = ("title", "description", "category", "brand")
NUMBER_FIELDS = ("quantity", "price", "rating", "position", "propensity")
MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
OFFSET = r":\d{2}.*(Z|[+-]\d{1,2}(:?\d{2})?)\s*$"
"""A time of day with an offset after it."""
OFFSET_LETTERS = frozenset("VzOXxZ")  # of Spark's patterns
TIME_LETTERS = frozenset("aBhHkKmsS")
LAST_MICROSECOND = 253_402_300_799_000_000  # the end of the year 9999


def mapped_events(
    source: EventSource, pseudonym: Pseudonym = None
) -> Callable[[DataFrame], DataFrame]:
    """[a source's columns] -> one row a source row, every field as it came.

    Columns: the fields of an event as STRING (null where the source has none), `event_type` through
    `event_types` (null: not known), `event_ts` TIMESTAMP (null: not a time), `raw` (the source row
    as JSON; null where it is malformed), `source_row` (128-bit hash of it, malformed or not, and of
    the source's constants), `source_file`, `source_day` DATE (the day whose delivery its file is;
    null: of all times), `malformed` and `is_cancellation` BOOLEAN, `is_product` BOOLEAN (the id
    looks like a product's).
    """

    def transform(rows: DataFrame) -> DataFrame:
        fields: dict[str, Column] = {name: value(ref) for name, ref in source.columns.items()}
        fields |= {name: F.lit(str(told)) for name, told in source.constants.items()}
        if pseudonym is not None:
            fields[USER] = pseudonym(fields[USER])
        raw = F.to_json(F.struct(*_raw_columns(rows, source, pseudonym, fields[USER])))
        constants = json.dumps(source.constants, sort_keys=True, default=str)
        order_id = fields.get("order_id", F.lit(None))
        malformed = F.col(CORRUPT).isNotNull() if CORRUPT in rows.columns else F.lit(False)
        prefix, pattern = source.cancellation_prefix, source.item_id_pattern
        return rows.select(
            *(field(fields, name) for name in (USER, ITEM, "query", "session_id", *TEXT_FIELDS)),
            *(field(fields, name) for name in NUMBER_FIELDS),
            _event_type(source, fields[EVENT_TYPE]).alias(EVENT_TYPE),
            timestamp(source, fields[EVENT_TS]).alias(EVENT_TS),
            # In a row that cannot be read the user's id may stand anywhere, in part of a text, too:
            # nothing could hide it, and no one could find it to erase it.
            F.when(~malformed, raw).alias("raw"),
            F.md5(F.concat(F.lit(constants), raw)).alias(SOURCE_ROW),
            F.col(SOURCE_FILE).alias("source_file"),
            F.col(SOURCE_DAY).alias("source_day"),
            malformed.alias("malformed"),
            (
                F.coalesce(order_id.startswith(prefix), F.lit(False)) if prefix else F.lit(False)
            ).alias("is_cancellation"),
            (fields[ITEM].rlike(pattern) if pattern and ITEM in fields else F.lit(True)).alias(
                "is_product"
            ),
        )

    return transform


def day(source: FileSource, told: Column) -> Column:
    """A day told as text: by a date as it stands, by a time that of it in UTC; null for neither."""
    form = source.timestamp_format
    if form and not TIME_LETTERS & set(form):
        return F.to_date(F.try_to_timestamp(told, F.lit(form)))
    is_date = F.trim(told).rlike(r"^\d{4}-\d{2}-\d{2}$") & F.lit(source.timestamp_unit == "iso")
    as_it_stands = F.trim(told).try_cast("date")
    return F.when(is_date, as_it_stands).otherwise(F.to_date(timestamp(source, told)))


def timestamp(source: FileSource, told: Column) -> Column:
    """A time told as text, in UTC; null where it is none.

    One that tells its own offset is of the source's `timezone` no more.
    """
    if source.timestamp_unit == "iso":
        form, zone = source.timestamp_format, source.timezone
        parsed = F.try_to_timestamp(told, F.lit(form)) if form else told.try_cast("timestamp")
        if zone == "UTC" or (form and OFFSET_LETTERS & set(form)):
            return parsed
        there = F.to_utc_timestamp(parsed, zone)
        return there if form else F.when(told.rlike(OFFSET), parsed).otherwise(there)
    micros = told.try_cast("double") * MICROSECONDS[source.timestamp_unit]
    possible = micros.between(-LAST_MICROSECOND, LAST_MICROSECOND)
    return F.when(possible, F.timestamp_micros(F.round(micros).cast("bigint")))


def field(fields: Mapping[str, Column], name: str) -> Column:
    """What a source tells as that field, as STRING by its name; null where it has none."""
    return fields.get(name, F.lit(None)).cast("string").alias(name)


def _event_type(source: EventSource, told: Column) -> Column:
    if not source.event_types:
        return told
    known = F.create_map(*(F.lit(x) for pair in source.event_types.items() for x in pair))
    return F.try_element_at(known, told)


def _raw_columns(
    rows: DataFrame, source: EventSource, pseudonym: Pseudonym, user: Column
) -> list[Column]:
    """The source row; with pseudonyms, without the columns that make the user's own id."""
    hidden = {SOURCE_FILE, SOURCE_DAY}
    shown = []
    if pseudonym is not None:
        hidden |= set(column_names([source.columns[USER]] if USER in source.columns else []))
        shown = [user.alias(USER)]
    return shown + [named_column(name) for name in rows.columns if name not in hidden]
