"""Check drift: features, labels and events of ds beside those before -> gold.drift."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, ITEM, USER
from nightshelf.errors import DataQualityError
from nightshelf.evaluation.feature_drift import (
    CHANGE,
    DIVERGENCE,
    PSI,
    UNSEEN,
    events_moved,
    features_moved,
    labels_moved,
    values_told,
)
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import single
from nightshelf.tables import DRIFT, ITEM_FEATURES, SAMPLES, SILVER_EVENTS, USER_FEATURES, Table


def run(run: Run) -> None:
    """Publishes how far what the night learns from has moved.

    Raises DataQualityError, once that is published, where something moved over its limit: nothing
    is learnt from it, and readers keep their lists.
    """
    if not run.config.drift.enabled:
        # Done, not skipped: what a schedule runs after a skipped job is skipped as well.
        run.tell(drift="drift.enabled is false")
        return
    names = [column.name for column in DRIFT.columns]
    rows = reduce(DataFrame.unionByName, _moved(run)).withColumns(
        {DS: F.lit(run.ds), "limit_value": _limit(run)}
    )
    rows = rows.select(*names).persist()  # published, and held to the limits
    run.publish(rows, DRIFT)
    _hold(run, rows)


def _moved(run: Run) -> Iterator[DataFrame]:
    days = (run.ds - _since(run)).days
    events = run.read(SILVER_EVENTS, until=run.ds)
    run.rows_in = events.count()
    yield events.transform(events_moved(run.ds, days))
    for table, key in ((USER_FEATURES, USER), (ITEM_FEATURES, ITEM)):
        day = _reference(run, table)
        if day is not None and run.store.has(table, run.ds):
            subject = table.name.removeprefix("gold.")
            before = run.read(table, on=day)
            now = run.read(table, on=run.ds)
            yield now.transform(features_moved(subject, key, before, run.config.drift.keys))
    if run.store.version(SAMPLES) is not None:
        samples = run.read(SAMPLES, until=run.ds)
        yield samples.transform(labels_moved(run.ds, days))


def _accepted(run: Run) -> date:
    """The day of a change that is to stay, for later ones; `date.min` up to it."""
    told = run.config.drift.since
    return told if told is not None and told < run.ds else date.min


def _since(run: Run) -> date:
    """The first of the days that ds is compared with."""
    back = run.ds - timedelta(days=run.config.drift.reference_days)
    return max(back, _accepted(run))


def _reference(run: Run, table: Table) -> date | None:
    """The newest day with rows that is so old, else the oldest; None where ds is the first.

    Commits tell of days, too, whose rows have expired since.
    """
    rows = run.store.commits(table).rows_by_day()
    days = sorted(day for day, n in rows.items() if n and _accepted(run) <= day < run.ds)
    since = _since(run)
    old, young = [d for d in days if d <= since], [d for d in days if d > since]
    return next((day for day in (*reversed(old), *young) if run.store.has(table, day)), None)


def _limit(run: Run) -> Column:
    config = run.config.drift
    if config.since == run.ds:
        return F.lit(None).cast("double")
    limits = {
        PSI: config.max_psi,
        DIVERGENCE: config.max_divergence,
        UNSEEN: config.max_unseen,
        CHANGE: config.max_change,
    }
    told = (
        F.when(F.col("measure") == measure, F.lit(limit).cast("double"))
        for measure, limit in limits.items()
    )
    return F.coalesce(*told)


def _hold(run: Run, rows: DataFrame) -> None:
    """Raises where a limit is broken."""
    worst = F.desc(F.col("value") / F.col("limit_value"))
    broken = rows.where("value > limit_value").orderBy(worst, "subject", "name").collect()
    if broken:
        told = "; ".join(
            f"{row['subject']}.{row['name']}: {row['measure']} {row['value']:.3f}, at most "
            f"{row['limit_value']:g} (drift.max_{row['measure']}){values_told(row)}"
            for row in broken[:5]
        )
        more = f"; and {len(broken) - 5} more" if len(broken) > 5 else ""
        raise DataQualityError(
            f"{DRIFT.name}: the night's inputs have moved, nothing is trained or published, "
            f"readers keep what they have: {told}{more}; look at the inputs of {run.ds}; where "
            "the change is to stay, set drift.since to that day from now on"
        )


JOB = Job("check_drift", run, writes=(DRIFT,))
main = single(JOB)
