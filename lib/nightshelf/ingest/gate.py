"""The gates between a source and the warehouse: drifted columns, too many refused rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from operator import itemgetter
from statistics import median

from pyspark.sql import DataFrame

from nightshelf.config import IngestConfig
from nightshelf.errors import DataQualityError
from nightshelf.ingest.cleaning import HARMLESS, UNDATED

Schema = dict[str, str]
Counts = Mapping[tuple[str | None, date], int]
"""Rows by reason and day; None is the reason of rows that are kept."""


def schema_of(frame: DataFrame) -> Schema:
    """The source's own columns and their types."""
    return {
        field.name: field.dataType.simpleString()
        for field in frame.schema
        if not field.name.startswith("_")
    }


def added_columns(name: str, before: Schema | None, now: Schema) -> list[str]:
    """Columns that the source did not have at the last run.

    Raises DataQualityError where one that it had is gone or has another type.
    """
    if before is None:
        return []
    for column, kind in before.items():
        if column not in now:
            raise DataQualityError(
                f"{name}: the column '{column}' was there at the last run and is gone; found: "
                f"{', '.join(now)}; ask why, or drop it from the mapping and ingest with "
                "--set ingest.accept_new_schema=true"
            )
        if now[column] != kind:
            raise DataQualityError(
                f"{name}: the column '{column}' was {kind} at the last run and is {now[column]}; "
                "ask why, or ingest with --set ingest.accept_new_schema=true"
            )
    return [column for column in now if column not in before]


def newly_refused(read: Counts, known: Counts, last: date) -> tuple[Counter[str], int]:
    """Rows by reason that no night up to `last` has let pass, and how many rows they are among.

    Those of later days, and of days with further faulty rows, but for rows that passed: `known` are
    refused rows as earlier nights left them. Of undated rows each night tells the day anew, so that
    they count by their reason alone.
    """
    undated = Counter[str | None]()
    for (reason, _), rows in known.items():
        undated[reason] += rows if reason in UNDATED else 0
    refused, rows_of_day, asked = Counter[str](), Counter[date](), set[date]()
    for reason, day in sorted(read, key=itemgetter(1)):
        rows, passed = read[reason, day], 0
        if reason in UNDATED:
            passed = min(rows, undated[reason])
            undated[reason] -= passed
        elif reason is not None:
            passed = min(rows, known.get((reason, day), 0))
        rows_of_day[day] += rows - passed
        if reason is not None:
            refused[reason] += rows - passed
        if day > last or (reason is not None and reason not in HARMLESS and rows > passed):
            asked.add(day)
    return refused, sum(rows_of_day[day] for day in asked)


def check_refused(refused: Mapping[str, int], read: int, config: IngestConfig, what: str) -> None:
    """Raises DataQualityError where a reason's rows, or all faulty ones, pass their limit.

    A window of days does not see the purchases that older returns are of. what: rows these are.
    """
    if not read:
        return
    for reason, limit in config.quarantine_limits.items():
        rows, key = refused.get(reason, 0), f"ingest.quarantine_limits.{reason}"
        _check(what, reason, rows, read, limit, key)
    harmless = HARMLESS if config.window_days is None else HARMLESS | {"return_unmatched"}
    others = {
        reason: rows
        for reason, rows in refused.items()
        if reason not in harmless and reason not in config.quarantine_limits
    }
    worst = ", ".join(f"{r} {n:,}" for r, n in sorted(others.items(), key=lambda x: -x[1])[:3])
    faulty = sum(others.values())
    limit, key = config.quarantine_limit, "ingest.quarantine_limit"
    _check(what, f"faulty ({worst})", faulty, read, limit, key)


def check_unread(kind: str, unread: int, read: int, config: IngestConfig) -> None:
    """Raises DataQualityError where more rows of a kind than the limit lets pass are malformed."""
    own = "malformed" in config.quarantine_limits
    limit = config.quarantine_limits["malformed"] if own else config.quarantine_limit
    key = "ingest.quarantine_limits.malformed" if own else "ingest.quarantine_limit"
    _check(kind, "malformed", unread, read, limit, key)


def _check(kind: str, what: str, rows: int, read: int, limit: float, key: str) -> None:
    if rows > limit * read:
        raise DataQualityError(
            f"{kind}: {rows:,} of {read:,} rows ({rows / read:.1%}) are {what}, over the limit of "
            f"{limit:.1%}; nothing was published; look at the source, or raise {key}"
        )


def check_day(ds: date, found: int, earlier: Sequence[int], least: float | None) -> None:
    """Raises DataQualityError where ds has fewer events than that share of the median day's."""
    if least is None or not earlier:
        return
    usual = median(earlier)
    if found < least * usual:
        raise DataQualityError(
            f"events: {found:,} of {ds}, expected at least {least:g} of the {usual:,.0f} of the "
            f"median of the {len(earlier)} days before; nothing was published; is the delivery "
            "whole? deliver it, or set audits.min_day_events"
        )


def check_delisted(gone: int, sold: int, most: float | None) -> float:
    """The share of items on sale that are delisted. Raises DataQualityError where over `most`."""
    share = gone / max(1, sold)
    if most is not None and share > most:
        raise DataQualityError(
            f"items: {gone:,} of the {sold:,} on sale are delisted or no more in the catalogue, "
            f"expected at most {most:.1%}; nothing of them was published; is the delivery whole? "
            "deliver it, or set audits.max_delisted"
        )
    return round(share, 4)


def check_accounts(read: int, kept: int, quarantined: int) -> None:
    """Every row read is either kept or in quarantine. Raises DataQualityError where one is lost."""
    if kept + quarantined != read:
        raise DataQualityError(
            f"events: read {read:,} rows but kept {kept:,} and quarantined {quarantined:,}: the "
            "source changed while it was read; run again"
        )
