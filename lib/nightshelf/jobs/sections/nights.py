"""What ran and what came of it: steps, rows in, rows refused, gates."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

import numpy as np
from pyspark.sql import Row
from pyspark.sql import functions as F

from nightshelf.columns import DS, EVENT_TYPE, MODEL_ID
from nightshelf.config import EventSource
from nightshelf.errors import DataQualityError
from nightshelf.ingest.cleaning import UNDATED
from nightshelf.ingest.day_paths import DAY
from nightshelf.jobs.past_runs import NO_STEPS, night, why_not, with_repaired
from nightshelf.report.page import Block, Note, Plot, Section, Table
from nightshelf.report.plots import Line, bars, lines
from nightshelf.runs import Run
from nightshelf.tables import OPS_JOB_RUNS, OPS_MODELS, QUARANTINE_EVENTS, SILVER_EVENTS

DAYS: Final = 30
"""What is shown over time is of so many days."""


def steps(run: Run, ran: Mapping[str, Row]) -> Section:
    """The last run of each step in the night of ds; `evaluate` judges lists of an earlier day."""
    if not ran:
        return Section("steps", "What ran", [Note(f"No run of {run.ds} is recorded.")])
    told = [
        [
            row[DS].isoformat(), row["job"], row["status"], f"{row['seconds']:,.1f}",
            f"{row['rows_in']:,}", f"{row['rows_out']:,}", row["message"] or "",
        ]
        for row in ran.values()
    ]  # fmt: skip
    head = ("day", "job", "status", "seconds", "rows in", "rows out", "what it said")
    took = {name: row["seconds"] for name, row in ran.items() if row["status"] == "done"}
    blocks: list[Block] = [
        Note(f"{row['job']}: {row['message']}", is_alarm=True)
        for row in ran.values()
        if row["status"] == "failed"
    ]
    if took:
        blocks.append(Plot(bars("steps", "Seconds", took), "How long each step took."))
    blocks.append(Table("Steps", head, told, frozenset({3, 4, 5})))
    return Section("steps", "What ran", blocks)


def data_in(run: Run, ran: Mapping[str, Row]) -> Section:
    """Events of the last days by type, and what was refused of ds, by reason."""
    title = "Data in, and what was refused"
    if run.store.version(SILVER_EVENTS) is None:
        why = why_not(ran, "ingest", otherwise="Its sources have none.")
        return Section("data", title, [Note(f"No events were ever let in. {why}", is_alarm=True)])
    first = run.ds - timedelta(days=DAYS - 1)
    events = run.read(SILVER_EVENTS, until=run.ds).where(F.col(DS) >= F.lit(first))
    counts = {
        (r[DS], r[EVENT_TYPE]): r["count"] for r in events.groupBy(DS, EVENT_TYPE).count().collect()
    }
    days = [first + timedelta(days=n) for n in range(DAYS)]
    totals: dict[str, int] = {}
    for (_, kind), n in counts.items():
        totals[kind] = totals.get(kind, 0) + n
    kinds = sorted(totals, key=lambda kind: (-totals[kind], kind))[:5]
    series = [Line(kind, days, [counts.get((day, kind), 0) for day in days]) for kind in kinds]
    blocks: list[Block] = []
    if series:
        caption = f"Events of each day that were let in, of the {len(series)} most common types."
        blocks.append(Plot(lines("events", "Events a day", series), caption))
    else:
        blocks.append(Note(f"No events of the {DAYS} days up to {run.ds}.", is_alarm=True))
    kept = sum(n for (day, _), n in counts.items() if day == run.ds)
    blocks.extend(_refused(run, kept, why_not(ran, "ingest", otherwise="Its sources have none.")))
    return Section("data", title, blocks)


def _refused(run: Run, kept: int, why: str) -> Iterator[Block]:
    """What was refused of ds, of which `kept` events were let in; `why` there is nothing of it."""
    if run.store.version(QUARANTINE_EVENTS) is None:
        yield Note("No table of refused rows.")
        return
    refused = run.read(QUARANTINE_EVENTS, on=run.ds).groupBy("reason_code").count()
    rows = refused.orderBy(F.desc("count"), "reason_code").collect()
    undated = _undated(run.config.sources.events)
    dated = {row[0]: row["count"] for row in rows if row[0] not in undated}
    others = {row[0]: row["count"] for row in rows if row[0] in undated}
    total = kept + sum(dated.values())
    if not total:
        # A night that is held back publishes what it refuses as little as what it keeps.
        yield Note(f"No events of {run.ds} were let in: nothing of it is published. {why}", True)
    elif not dated:
        yield Note(f"Nothing was refused of {run.ds}; {kept:,} events were let in.")
    else:
        told = [[reason, f"{n:,}", f"{n / total:.2%}"] for reason, n in dated.items()]
        head = ("reason", "rows", "of the day's")
        yield Table(f"Refused of {run.ds}", head, told, frozenset({1, 2}))
    if others:
        told = [[reason, f"{n:,}"] for reason, n in others.items()]
        heading = "Refused without a day of their own, of all the files that were read"
        yield Table(heading, ("reason", "rows"), told, frozenset({1}))


def _undated(sources: Sequence[EventSource]) -> frozenset[str]:
    """Reasons whose rows may be of another day; a file of one day dates those without a time."""
    daily = all(DAY in (source.path or "") for source in sources)
    return frozenset({"before_shop"}) if daily else UNDATED


def gates(run: Run) -> Section:
    """What was held back in the last days, and which models were refused."""
    first = F.lit(run.ds - timedelta(days=DAYS - 1))
    held = (
        run.read(OPS_JOB_RUNS, until=run.ds)
        .transform(with_repaired)
        .withColumn("night", night(run.config))
        .where((F.col("exit_code") == DataQualityError.exit_code) & (F.col(DS) >= first))
        .where(F.col("status") == "failed")  # a dry run holds nothing back
        .where(~F.col("job").isin(*NO_STEPS))
        .orderBy(F.desc("started"))
        .collect()
    )
    blocks: list[Block] = [
        Note(
            f"{row[DS]}, {row['job']}{' (mended)' if row['repaired'] else ''}: {row['message']}",
            is_alarm=row["night"] == run.ds and not row["repaired"],
        )
        for row in held
    ]
    if run.store.version(OPS_MODELS) is not None:
        models = run.read(OPS_MODELS, until=run.ds).where(F.col(DS) >= first)
        decided = models.orderBy(F.desc(DS), F.desc("told_at")).collect()
        told = [[r[DS].isoformat(), r[MODEL_ID], r["status"], r["why"]] for r in decided]
        if told:
            blocks.append(Table("Models", ("day", "model", "decision", "why"), told))
    if not blocks:
        blocks.append(Note(f"No gate held anything back in the {DAYS} days up to {run.ds}."))
    return Section("gates", "What a gate held back", blocks)


def none_where(value: float | None) -> float:
    """NaN where there is no value, as plots want it."""
    return np.nan if value is None else float(value)
