"""Status: what is published and how old, what ran, what failed and why; writes nothing."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

import click
from pyspark.sql import Row, Window
from pyspark.sql import functions as F
from rich.console import Console

from nightshelf.columns import DS, RUN_ID
from nightshelf.errors import ConfigError, DataQualityError, MissingInputError
from nightshelf.jobs.past_runs import night, with_repaired
from nightshelf.jobs.printed import grid
from nightshelf.jobs.serving import SERVED
from nightshelf.runs import Run
from nightshelf.runs.cli import Arguments, command, start
from nightshelf.runs.record import Outcome
from nightshelf.tables import (
    OPS_JOB_RUNS,
    SERVING_RECOMMENDATIONS,
    SERVING_SEARCH_RESULTS,
    TABLES,
)

DAYS: Final = 7
"""Failures of so many days are told."""


def status(run: Run) -> dict[str, Any]:
    """What `show` prints, as plain values.

    ds: the day that ages are counted to; published: of each table the newest day, its age in days
    and who published it; jobs: the last run of each job; failures: those of the last days, whether
    a later run of the same job and day did well, the newest first.
    """
    return {
        "ds": run.ds.isoformat(),
        "root": run.store.root,
        "published": list(_published(run)),
        "jobs": [_told(row) for row in _last_runs(run)],
        "failures": [{**_told(row), "repaired": row["repaired"]} for row in _failures(run)],
    }


def _published(run: Run) -> Iterator[dict[str, Any]]:
    for table in TABLES:
        # Readers have what was published last; other tables keep all days, whichever came last.
        commits = run.store.commits(table)
        told = commits.manifest() if table in SERVED else commits.newest_day(date.max)
        if "ds" in told:
            day = date.fromisoformat(told["ds"])
            yield {
                "table": table.name,
                "ds": told["ds"],
                "days_old": (run.ds - day).days,
                "rows": told.get("rows"),
                "version": run.store.version(table),
                "run_id": told["run_id"],
                "job": told["job"],
            }


def _last_runs(run: Run) -> list[Row]:
    """The last run of each job, the newest first."""
    latest = Window.partitionBy("job").orderBy(F.desc("started"))
    runs = run.read(OPS_JOB_RUNS, until=run.ds).withColumn("n", F.row_number().over(latest))
    return runs.where("n = 1").orderBy(F.desc("started")).collect()


def _failures(run: Run) -> list[Row]:
    """Failed runs of the last days, whether a later run of the same (job, ds) did well."""
    first = run.ds - timedelta(days=DAYS - 1)
    return (
        run.read(OPS_JOB_RUNS, until=run.ds)
        .transform(with_repaired)
        .where((F.col("status") == "failed") & (night(run.config) >= F.lit(first)))
        .orderBy(F.desc("started"))
        .collect()
    )


def _told(row: Row) -> dict[str, Any]:
    return {
        "job": row["job"],
        "ds": row[DS].isoformat(),
        "status": row["status"],
        "exit_code": row["exit_code"],
        "started": row["started"].isoformat(timespec="seconds"),
        "seconds": round(row["seconds"], 1),
        "rows_in": row["rows_in"],
        "rows_out": row["rows_out"],
        "run_id": row[RUN_ID],
        "message": row["message"],
    }


def show(told: dict[str, Any], console: Console) -> None:
    """Prints it as three tables."""
    console.print(f"{told['root']} as of {told['ds']}\n", markup=False, highlight=False)
    _table(
        console,
        "Published",
        told["published"],
        ("table", "ds", "days_old", "rows", "job"),
    )
    _table(
        console,
        "The last run of each job",
        told["jobs"],
        ("job", "ds", "status", "started", "seconds", "rows_out", "run_id"),
    )
    _table(
        console,
        f"Failed in the last {DAYS} days",
        told["failures"],
        ("job", "ds", "exit_code", "started", "repaired", "message"),
    )


NUMBERS: Final = ("days old", "rows", "exit code", "seconds", "rows out")


def _table(
    console: Console, title: str, rows: list[dict[str, Any]], names: tuple[str, ...]
) -> None:
    if not rows:
        console.print(f"{title}: nothing\n", markup=False)
        return
    shown = grid(title, *(name.replace("_", " ") for name in names), numbers=NUMBERS)
    for row in rows:
        shown.add_row(*(_cell(row[name]) for name in names))
    console.print(shown, markup=False)
    console.print()


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _body(arguments: Arguments) -> Outcome:
    limit = arguments.extra["max_age"]
    if limit is not None and arguments.ds == date.max:
        raise ConfigError("--max-age counts days up to --ds: give the business date")
    run = start(arguments, "status")
    if arguments.ds == date.max:
        run.ds = _newest_day(run)
    told = status(run)
    if arguments.extra["json"]:
        click.echo(json.dumps(told, sort_keys=True))
    else:
        show(told, Console())
    if limit is not None:
        check_age(told, int(limit), searches=run.config.search.enabled)
    return Outcome()


def check_age(told: dict[str, Any], limit: int, *, searches: bool = True) -> None:
    """Raises DataQualityError where what readers have is more days old than the limit.

    So it does where that is of a later day than the status: nights until then would not reach them.
    searches: whether nights answer queries; where they do not, old results stay as they are.
    """
    left_out = set() if searches else {SERVING_SEARCH_RESULTS}
    served = {table.name for table in SERVED.keys() - left_out}
    ages = {row["table"]: row for row in told["published"] if row["table"] in served}
    if SERVING_RECOMMENDATIONS.name not in ages:
        raise MissingInputError(
            f"{SERVING_RECOMMENDATIONS.name}: nothing is published under {told['root']}"
        )
    ahead = [row for row in ages.values() if row["days_old"] < 0]
    if ahead:
        what = "; ".join(f"{row['table']} is of {row['ds']}" for row in ahead)
        raise DataQualityError(
            f"{what}, after {told['ds']}: no earlier night reaches readers; where a run was given "
            "a wrong day, jobs/rollback.py --to-ds D gives them the last right one"
        )
    old = [row for row in ages.values() if row["days_old"] > limit]
    if old:
        what = "; ".join(f"{row['table']} is of {row['ds']}, {row['days_old']} days" for row in old)
        raise DataQualityError(
            f"{what} before {told['ds']}, over --max-age {limit}; see the failures above, and run "
            "the night again"
        )


def _newest_day(run: Run) -> date:
    day: date | None = run.read(OPS_JOB_RUNS).agg(F.max(DS)).collect()[0][0]
    return day or date.max


main = command(
    "status",
    _body,
    default_ds=lambda *_: date.max,
    options=(
        click.Option(["--json"], is_flag=True, help="Prints it as JSON."),
        click.Option(
            ["--max-age"],
            type=click.IntRange(0),
            metavar="DAYS",
            help="Ends with 65 where what readers have is older, or of a day after --ds.",
        ),
    ),
)
