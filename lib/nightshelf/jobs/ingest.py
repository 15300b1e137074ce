"""Ingest: a shop's sources -> silver.events, .items, .users, .reviews and quarantine.events."""

from collections.abc import Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DELISTED, DS, EVENT_TS, ITEM, Transform
from nightshelf.config import FileSource
from nightshelf.ingest import catalogue, cleaning
from nightshelf.ingest.day_paths import DAY
from nightshelf.ingest.erased import without_erased
from nightshelf.ingest.events import deliver, quarantined, silver_events
from nightshelf.ingest.mapping import Pseudonym
from nightshelf.ingest.pseudonyms import fingerprint, pseudonymiser
from nightshelf.ingest.returns import without_returns
from nightshelf.ingest.reviews import deliver_reviews, usable
from nightshelf.ingest.sources import Reader
from nightshelf.jobs.ingest_gates import (
    check_key,
    check_refused,
    check_schemas,
    check_unread,
    few_delisted,
)
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import single
from nightshelf.tables import (
    OPS_ERASED_USERS,
    QUARANTINE_EVENTS,
    SILVER_EVENTS,
    SILVER_ITEMS,
    SILVER_REVIEWS,
    SILVER_USERS,
    Check,
    Table,
)
from nightshelf.tables.as_of import changes, items_as_of
from nightshelf.tables.commits import Commits
from nightshelf.tables.upkeep import first_kept

ONE_DAY = timedelta(days=1)
LONG_AGO = date(1000, 1, 1)  # four digits: Spark gets days from Python as text


def run(run: Run) -> None:
    """Ingests the days up to ds that `ingest.window_days` asks for; all of them at first.

    The window of each night that was missed since the newest one before counts as well. Days whose
    files are gone keep what they have.
    """
    with _window(run):
        _ingest(run)


def _window(run: Run) -> AbstractContextManager[None]:
    """Holds back nights of other days: windows overlap, and each reads files that others do not.

    The one that commits last would take away what the other's file told of the days of both, and
    no later night would read that again. Raises LockHeldError where another is not done in time.
    """
    if run.config.ingest.window_days is None or run.dry_run:
        return nullcontext()
    return run.store.locks.hold_in_turn(f"{SILVER_EVENTS.name}/window")


def _ingest(run: Run) -> None:
    config, commits = run.config, run.store.commits(SILVER_EVENTS)
    before = commits.nearest_day(run.ds)
    since, until = _since(run, before), _until(run, commits)
    reader = Reader(run.spark, config.sources.root, since, run.ds)
    pseudonym = pseudonymiser(config.privacy)
    needed = None if config.ingest.accept_missing_day else run.ds
    # The file of a day may hold the last of the day before, and the first of the day after.
    timed = reader if since is None else replace(reader, since=since - ONE_DAY, until=until)
    delivery = deliver(timed, config.sources.events, pseudonym, needed)
    # Not the last manifest: a later day's files may have columns that those up to ds have not.
    check_schemas(run, before, delivery)
    key = fingerprint(config.privacy)
    check_key(run, commits.manifest(), key)

    read = delivery.events.transform(cleaning.in_window(since, until)).transform(
        _without_erased(run, F.to_date(EVENT_TS))
    )
    run.rows_in = read.count()
    judged = (
        read.transform(cleaning.judged(config.ingest, until))
        .transform(without_returns)
        # Three tables and the counts come from it: without this the sources were read four times.
        .persist(StorageLevel.DISK_ONLY)
    )
    check_refused(run, judged, commits)
    reviews = replace(timed, until=run.ds)
    check_unread(run, reader, config.sources.items, "items")
    check_unread(run, reader, config.sources.users, "users")
    check_unread(run, reviews, config.sources.reviews, "reviews")
    there = timed.first_days(config.sources.events)
    known = _oldest_known(run, commits, there.keys())
    # What files told that are gone stays.
    gone = (day for path, day in there.items() if known.get(path, day) < day)
    first = max([since or config.ingest.first_day, *gone])
    told = judged.where(F.col(DS).between(F.lit(first), F.lit(run.ds)))
    _publish_refused(run, told, first)
    _publish_items(run, reader, told, first)
    _publish_users(run, reader, pseudonym, first)
    _publish_reviews(run, reviews, pseudonym, first)
    run.publish(
        told.transform(silver_events(config.ingest.session_gap_minutes)),
        SILVER_EVENTS,
        since=first,
        about={
            "source_columns": delivery.schemas,
            "pseudonym_key": key,
            "oldest_files": {
                path: min(day, known.get(path, day)).isoformat() for path, day in there.items()
            },
        },
    )


def _since(run: Run, before: Mapping[str, Any]) -> date | None:
    """The first day to ingest, after a night with that manifest; None: the first there is."""
    days = run.config.ingest.window_days
    if days is None or run.store.version(SILVER_EVENTS) is None:
        return None
    next_night = date.fromisoformat(before["ds"]) + ONE_DAY if before else run.ds
    return min(run.ds, next_night) - (days - 1) * ONE_DAY


def _oldest_known(run: Run, commits: Commits, paths: Set[str]) -> dict[str, date]:
    """The day of the oldest file of each path that any night has read; empty before the first.

    Of nights of any day: Delta forgets commits, and who erases a user leaves but one. A path that
    none tells of may be an old one's new name: the oldest of all, else the first event, stands in.
    """
    if not paths or run.store.version(SILVER_EVENTS) is None:
        return {}
    told: dict[str, date] = {}
    for manifest in commits.manifests():
        for path, day in manifest.get("oldest_files", {}).items():
            told[path] = min(told.get(path, date.max), date.fromisoformat(day))
    missing = paths - told.keys()
    if missing:
        oldest = min(told.values(), default=None)
        if oldest is None:
            oldest = run.read(SILVER_EVENTS).agg(F.min(DS)).collect()[0][0]
        told |= dict.fromkeys(missing, oldest or date.max)
    return told


def _until(run: Run, commits: Commits) -> date:
    """The last day whose events are read: of an old night, what its window has been told since.

    Later files bring late events and returns, which no later night would bring again.
    """
    days, newest = run.config.ingest.window_days, commits.newest_day(date.max)
    if days is None or not newest:
        return run.ds
    return max(run.ds, min(date.fromisoformat(newest["ds"]), run.ds + (days - 1) * ONE_DAY))


def _without_erased(run: Run, day: Column | None = None) -> Transform:
    if run.store.version(OPS_ERASED_USERS) is None:
        return lambda rows: rows
    return without_erased(run.read(OPS_ERASED_USERS), day)


def _publish_refused(run: Run, judged: DataFrame, first: date) -> None:
    """Those of the days that `maintain` keeps: older ones would be back each night."""
    kept = first_kept(run.ds, run.config.maintenance.quarantine_days)
    since = max(first, kept or first)
    refused = judged.transform(quarantined).where(F.col(DS) >= F.lit(since))
    run.publish(refused, QUARANTINE_EVENTS, since=since)


def _publish_items(run: Run, reader: Reader, judged: DataFrame, first: date) -> None:
    sources = run.config.sources.items
    if not sources:
        kept = judged.where(F.col(cleaning.REASON_CODE).isNull())
        run.publish(catalogue.items_of_events(kept), SILVER_ITEMS, since=first)
        return
    items = catalogue.deliver_items(reader, sources)
    check: Check | None = None
    if _are_daily(sources):
        since = first
    elif any("valid_from" in source.columns for source in sources):
        # All of it is read, and a row may come long after the day from which it holds: what is
        # sold on the shop's first day may have been told long before.
        since = LONG_AGO
    else:
        since = run.ds
        items, check = _whole_catalogue(run, items)
    _publish_days(run, items, SILVER_ITEMS, sources, since, check)


def _whole_catalogue(run: Run, items: DataFrame) -> tuple[DataFrame, Check | None]:
    """All items as they are on ds: of those known before, what is told no more is not sold."""
    if run.store.version(SILVER_ITEMS) is None:
        return items, None
    known = run.read(SILVER_ITEMS).transform(items_as_of(run.ds - ONE_DAY))
    sold = known.where(~F.col(DELISTED)).select(ITEM)
    return items.transform(catalogue.with_dropped(sold, run.ds)), few_delisted(run, sold)


def _publish_users(run: Run, reader: Reader, pseudonym: Pseudonym, first: date) -> None:
    sources = run.config.sources.users
    if sources:
        since = first if _are_daily(sources) else run.ds
        users = catalogue.deliver_users(reader, sources, pseudonym).transform(_without_erased(run))
        changed = users.where(F.col(DS) >= F.lit(since)).transform(changes)
        _publish_days(run, changed, SILVER_USERS, sources, since)


def _publish_days(
    run: Run,
    rows: DataFrame,
    table: Table,
    sources: Sequence[FileSource],
    since: date,
    check: Check | None = None,
) -> None:
    """Publishes what the sources tell of days from `since` on."""
    if _are_daily(sources):
        # Days whose files are gone keep what they told. The others are read once.
        rows = rows.persist(StorageLevel.DISK_ONLY)
        [told] = rows.agg(F.min(DS)).collect()
        since = max(since, told[0] or run.ds)
    run.publish(rows.where(F.col(DS) >= F.lit(since)), table, since=since, check=check)
    rows.unpersist()


def _are_daily(sources: Sequence[FileSource]) -> bool:
    """Whether the path of one of them names the day."""
    return any(DAY in (source.path or "") for source in sources)


def _publish_reviews(run: Run, reader: Reader, pseudonym: Pseudonym, first: date) -> None:
    sources = run.config.sources.reviews
    if not sources:
        return
    told = deliver_reviews(reader, sources, pseudonym)
    told = told.transform(_without_erased(run, F.col(DS)))
    told = told.where(F.col(DS).isNull() | F.col(DS).between(F.lit(first), F.lit(run.ds)))
    read = told.count()
    kept = run.publish(told.transform(usable), SILVER_REVIEWS, since=first)
    run.tell(reviews=kept, reviews_left_out=read - kept)


JOB = Job(
    "ingest",
    run,
    writes=(QUARANTINE_EVENTS, SILVER_EVENTS, SILVER_ITEMS, SILVER_USERS, SILVER_REVIEWS),
)
main = single(JOB)
