"""Ingest: a shop's sources -> silver.events, .items, .users, .reviews and quarantine.events."""

from datetime import date, timedelta

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, EVENT_TS, Transform
from nightshelf.config import ItemSource
from nightshelf.ingest import catalogue, cleaning
from nightshelf.ingest.erased import without_erased
from nightshelf.ingest.events import deliver, quarantined, silver_events
from nightshelf.ingest.mapping import Pseudonym
from nightshelf.ingest.pseudonyms import fingerprint, pseudonymiser
from nightshelf.ingest.returns import without_returns
from nightshelf.ingest.reviews import deliver_reviews, usable
from nightshelf.ingest.sources import DAY, Reader
from nightshelf.jobs.ingest_gates import check_key, check_refused, check_schemas
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import single
from nightshelf.tables import (
    OPS_ERASED_USERS,
    QUARANTINE_EVENTS,
    SILVER_EVENTS,
    SILVER_ITEMS,
    SILVER_REVIEWS,
    SILVER_USERS,
)
from nightshelf.tables.upkeep import first_kept


def run(run: Run) -> None:
    """Ingests the days up to ds that `ingest.window_days` asks for; all of them at first."""
    config, since = run.config, _since(run)
    reader = Reader(run.spark, config.sources.root, since, run.ds)
    pseudonym = pseudonymiser(config.privacy)
    needs_day = not config.ingest.accept_missing_day
    delivery = deliver(reader, config.sources.events, pseudonym, needs_day)
    before = run.store.last_manifest(SILVER_EVENTS)
    check_schemas(run, before, delivery)
    key = fingerprint(config.privacy)
    check_key(run, before, key)

    read = delivery.events.transform(cleaning.in_window(since, run.ds)).transform(
        _without_erased(run, F.to_date(EVENT_TS))
    )
    run.rows_in = read.count()
    judged = (
        read.transform(cleaning.judged(config.ingest, run.ds))
        .transform(without_returns)
        # Three tables and the counts come from it: without this the sources were read four times.
        .persist(StorageLevel.DISK_ONLY)
    )
    check_refused(run, judged)
    first = since or config.ingest.first_day
    _publish_refused(run, judged, first)
    _publish_items(run, reader, judged, first)
    _publish_users(run, reader, pseudonym)
    _publish_reviews(run, reader, pseudonym, first)
    run.publish(
        judged.transform(silver_events(config.ingest.session_gap_minutes)),
        SILVER_EVENTS,
        since=first,
        about={"source_columns": delivery.schemas, "pseudonym_key": key},
    )
    judged.unpersist()


def _since(run: Run) -> date | None:
    days = run.config.ingest.window_days
    if days is None or run.store.version(SILVER_EVENTS) is None:
        return None
    return run.ds - timedelta(days=days - 1)


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
    dated = not sources or any("valid_from" in s.columns or _is_daily(s) for s in sources)
    if sources:
        items = catalogue.deliver_items(reader, sources)
    else:
        items = catalogue.items_of_events(judged.where(F.col(cleaning.REASON_CODE).isNull()))
    since = first if dated else run.ds
    if any(map(_is_daily, sources)):
        # Days whose files are gone keep what they told.
        [told] = items.agg(F.min(DS)).collect()
        since = max(since, told[0] or run.ds)
    run.publish(items.where(F.col(DS) >= F.lit(since)), SILVER_ITEMS, since=since)


def _is_daily(source: ItemSource) -> bool:
    return DAY in (source.path or "")


def _publish_users(run: Run, reader: Reader, pseudonym: Pseudonym) -> None:
    if run.config.sources.users:
        users = catalogue.deliver_users(reader, run.config.sources.users, pseudonym)
        run.publish(users.transform(_without_erased(run)), SILVER_USERS)


def _publish_reviews(run: Run, reader: Reader, pseudonym: Pseudonym, first: date) -> None:
    if not run.config.sources.reviews:
        return
    told = deliver_reviews(reader, run.config.sources.reviews, pseudonym)
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
