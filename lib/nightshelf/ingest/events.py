"""The events of all sources together, and what becomes of the judged ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, POSITION, QUANTITY, SESSION, Transform
from nightshelf.config import EventSource
from nightshelf.ingest.cleaning import REASON_CODE, with_sessions
from nightshelf.ingest.gate import Schema, schema_of
from nightshelf.ingest.mapping import Pseudonym, mapped_events
from nightshelf.ingest.references import column_names
from nightshelf.ingest.sources import Reader
from nightshelf.tables import QUARANTINE_EVENTS, SILVER_EVENTS


@dataclass(frozen=True)
class Delivery:
    """What the sources hold: mapped events, and the columns of each source by its place."""

    events: DataFrame
    schemas: dict[str, Schema]


def deliver(
    reader: Reader,
    sources: Sequence[EventSource],
    pseudonym: Pseudonym,
    needed: date | None = None,
) -> Delivery:
    """Reads and maps every event source; nothing is dropped but what `keep` leaves out.

    needed: see `Reader.read`.
    """
    frames, schemas = [], {}
    for place, source in enumerate(sources):
        name = f"sources.events.{place}"
        wanted = column_names([*source.columns.values(), *source.keep])
        rows = reader.read(source, name, wanted, needed)
        schemas[name] = schema_of(rows)
        frames.append(rows.transform(mapped_events(source, pseudonym)))
    return Delivery(reduce(DataFrame.unionByName, frames), schemas)


def silver_events(session_gap_minutes: int) -> Transform:
    """[judged events] -> [silver.events]."""

    def transform(judged: DataFrame) -> DataFrame:
        return (
            judged.where(F.col(REASON_CODE).isNull())
            .withColumn(QUANTITY, F.col(QUANTITY).cast("int"))
            .withColumn(POSITION, F.col(POSITION).cast("int"))
            .withColumn(ITEM, F.when(F.trim(ITEM) != "", F.col(ITEM)))
            .withColumn(SESSION, F.when(F.trim(SESSION) != "", F.col(SESSION)))
            .transform(with_sessions(session_gap_minutes))
            .select(*(column.name for column in SILVER_EVENTS.columns))
        )

    return transform


def quarantined(judged: DataFrame) -> DataFrame:
    """[judged events] -> [quarantine.events]."""
    refused = judged.where(F.col(REASON_CODE).isNotNull())
    return refused.select(*(column.name for column in QUARANTINE_EVENTS.columns))
