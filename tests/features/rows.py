"""Literal rows of silver.events and of the feature tables."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from nightshelf.literals import frame_of
from nightshelf.tables import SILVER_EVENTS, Table

DAY0 = date(2026, 11, 1)


def day(n: int) -> date:
    """The n-th day of the tests' calendar."""
    return DAY0 + timedelta(days=n)


def events(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    """Of (user, item, type, day, seconds=0, position=None, session="s", rating=None) each."""
    told: list[dict[str, Any]] = []
    for n, row in enumerate(rows):
        user, item, kind, at, *more = row
        seconds, position, session, rating = (*more, *(0, None, "s", None)[len(more) :])
        ts = datetime.combine(day(at), datetime.min.time()) + timedelta(seconds=seconds)
        known = {"user_id": user, "item_id": item, "event_type": kind, "event_ts": ts}
        known |= {"rating": rating, "position": position, "session_id": session}
        told.append({**known, "source_row": f"r{n}", "ds": day(at)})
    return named(spark, SILVER_EVENTS, told)


def named(spark: SparkSession, table: Table, told: Iterable[dict[str, Any]]) -> DataFrame:
    """A table's rows by the names of their columns, null where nothing is told."""
    blank = dict.fromkeys(table.schema.names)
    return frame_of(spark, [tuple({**blank, **r}.values()) for r in told], table.schema)


def user_row(
    user: str,
    at: int,
    numbers: dict[str, float] | None = None,
    categories: dict[str, str] | None = None,
    *,
    loved: dict[str, float] | None = None,
    brands: dict[str, float] | None = None,
    recent: tuple[tuple[str, str, int], ...] = (),
) -> tuple[Any, ...]:
    """A row of gold.user_features; recent: (item, type, day), each at noon."""
    noon = [(i, kind, datetime.combine(day(d), time(12))) for i, kind, d in recent]
    shares = [sorted((of or {}).items(), key=lambda pair: -pair[1]) for of in (loved, brands)]
    return (user, numbers or {}, {"user_id": user, **(categories or {})}, *shares, noon, day(at))


def item_row(
    item: str,
    at: int,
    numbers: dict[str, float] | None = None,
    categories: dict[str, str] | None = None,
    vectors: dict[str, list[float]] | None = None,
) -> tuple[Any, ...]:
    """A row of gold.item_features."""
    return (item, numbers or {}, {"item_id": item, **(categories or {})}, vectors or {}, day(at))


def arrow(rows: list[tuple[Any, ...]], table: Table) -> pa.RecordBatch:
    """The rows as Spark hands them to Python."""
    schema = to_arrow_schema(table.schema)
    columns = [
        pa.array(column, field.type)
        for column, field in zip(zip(*rows, strict=True), schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
