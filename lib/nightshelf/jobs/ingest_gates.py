"""What has to hold of a delivery before any of it is published."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DELISTED, DS, ITEM
from nightshelf.errors import ConfigError
from nightshelf.ingest import cleaning, gate
from nightshelf.ingest.erased import USER_HASH
from nightshelf.ingest.events import Delivery
from nightshelf.ingest.sources import Reader, S
from nightshelf.runs import Run
from nightshelf.runs.logs import logger
from nightshelf.tables import OPS_ERASED_USERS, QUARANTINE_EVENTS, SILVER_EVENTS, Check
from nightshelf.tables.commits import Commits
from nightshelf.tables.upkeep import first_kept


def check_schemas(run: Run, before: Mapping[str, Any], delivery: Delivery) -> None:
    """Raises DataQualityError where a source has lost a column, or has one of another type."""
    if run.config.ingest.accept_new_schema:
        return
    known = before.get("source_columns", {})
    for name, schema in delivery.schemas.items():
        added = gate.added_columns(name, known.get(name), schema)
        if added:
            logger().warning("new columns in a source", source=name, columns=", ".join(added))


def check_key(run: Run, before: Mapping[str, Any], key: str | None) -> None:
    """Raises ConfigError where ids are made by another key than those in the table.

    Accepted once, it is raised again where users were erased: they are remembered by their ids.
    """
    privacy = run.config.privacy
    if before.get("pseudonym_key", key) == key:
        return
    if not privacy.accept_new_key:
        raise ConfigError(
            f"privacy: {SILVER_EVENTS.name} holds ids by another pseudonym key, or none: with this "
            "one every user would be new; set the key of the earlier nights in "
            f"{privacy.key_env}, or begin anew with --set privacy.accept_new_key=true"
        )
    erased = 0
    if run.store.version(OPS_ERASED_USERS) is not None:
        erased = run.read(OPS_ERASED_USERS).select(USER_HASH).distinct().count()
    if erased and not privacy.accept_lost_erasures:
        raise ConfigError(
            f"privacy: {OPS_ERASED_USERS.name} tells of {erased} erased ids, and with a new "
            "pseudonym key it knows those of earlier keys no more: what the sources hold of these "
            "users would be back; take it out of the sources or erase each of them again by "
            "jobs/erase_user.py under this key, then go on with --set "
            "privacy.accept_lost_erasures=true"
        )


def check_refused(run: Run, judged: DataFrame, commits: Commits) -> None:
    """Raises DataQualityError where rows are lost, too many refused, or too few of ds itself.

    What an earlier night refused and let pass is not held against this one: see `newly_refused`.
    """
    counts = {
        (reason, day): rows
        for reason, day, rows in judged.groupBy(cleaning.REASON_CODE, DS).count().collect()
    }
    kept_by_day = {day: rows for (reason, day), rows in counts.items() if reason is None}
    kept = sum(kept_by_day.values())
    refused = Counter[str]()
    for (reason, _), rows in counts.items():
        if reason is not None:
            refused[reason] += rows
    gate.check_accounts(run.rows_in, kept, refused.total())
    logger().info("events", read=run.rows_in, kept=kept, **dict(sorted(refused.items())))
    before = commits.newest_day(date.max)
    last = date.fromisoformat(before["ds"]) if before else date.min
    fresh, among = gate.newly_refused(*_still_told(run, counts, last), last)
    what = f"new events since the night of {last}" if before else "events"
    gate.check_refused(fresh, among, run.config.ingest, what)
    _check_day(run, kept_by_day)


def _still_told(run: Run, read: gate.Counts, last: date) -> tuple[gate.Counts, gate.Counts]:
    """Of the days whose refused rows are kept, and of later ones: rows read, and rows refused."""
    since = min(day for _, day in read) if read else run.ds
    kept = first_kept(run.ds, run.config.maintenance.quarantine_days)
    if kept is not None:
        since = max(since, min(kept, last + timedelta(days=1)))
    recent = {key: rows for key, rows in read.items() if key[1] >= since}
    if run.store.version(QUARANTINE_EVENTS) is None:
        return recent, {}
    table = run.read(QUARANTINE_EVENTS).where(F.col(DS) >= F.lit(since))
    known = table.groupBy(cleaning.REASON_CODE, DS).count().collect()
    return recent, {(reason, day): rows for reason, day, rows in known}


def check_unread(run: Run, reader: Reader, sources: Sequence[S], kind: str) -> None:
    """Warns of malformed rows in `sources.<kind>`, which are left out.

    Raises DataQualityError where there are too many of them.
    """
    unread, read = reader.unread(sources, kind)
    if unread:
        logger().warning(f"{kind}: {unread:,} of {read:,} rows are malformed, and left out")
    gate.check_unread(kind, unread, read, run.config.ingest)


def few_delisted(run: Run, sold: DataFrame) -> Check:
    """Most of the items that were on sale, `sold` [item_id], still are."""

    def check(staged: DataFrame, _: int) -> Mapping[str, float]:
        gone = staged.where(DELISTED).join(sold, ITEM, "left_semi").count()
        return {"delisted": gate.check_delisted(gone, sold.count(), run.config.audits.max_delisted)}

    return check


def _check_day(run: Run, read: Mapping[date, int]) -> None:
    """The day itself is there, and about as large as those before; a first day has none."""
    found, days = read.get(run.ds, 0), run.config.audits.days
    first = run.ds - timedelta(days=days)
    earlier = {day: rows for day, rows in read.items() if first <= day < run.ds}
    if run.store.version(SILVER_EVENTS) is not None:
        known = run.read(SILVER_EVENTS, until=run.ds - timedelta(days=1))
        by_day = known.where(F.col(DS) >= F.lit(first)).groupBy(DS).count().collect()
        earlier = {day: rows for day, rows in by_day} | earlier  # noqa: C416 (rows unpack)
    if not found and earlier:
        logger().warning(
            f"no events of {run.ds}: the lists will be by earlier days", usual=max(earlier.values())
        )
    gate.check_day(run.ds, found, list(earlier.values()), run.config.audits.min_day_events)
