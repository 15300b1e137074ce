"""Backfill: one job, or the whole night, for each day of a range; goes on where it stopped."""

from datetime import date, timedelta
from typing import Any, Final

import click
from rich.console import Console

from nightshelf.config import config_hash
from nightshelf.errors import ConfigError, NightshelfError
from nightshelf.jobs import nightly
from nightshelf.jobs.printed import grid
from nightshelf.runs import Run
from nightshelf.runs.cli import Arguments, Extra, command, start
from nightshelf.runs.logs import logger
from nightshelf.runs.record import Outcome, execute, last_day_over, parse_ds, recorded
from nightshelf.runs.run import new_run_id

NIGHTLY: Final = "nightly"
JOBS: Final = (NIGHTLY, *nightly.NAMES)


def backfill(run: Run, job: str, days: list[date], *, train: bool = True) -> None:
    """Runs the job for each day in turn, and stops at the first that fails.

    Whole nights train their models only with `train`; else each ranks by what was in use then.

    The days that are done are kept in a file below the warehouse's root: the same range of the
    same job with the same configuration goes on after them; to begin anew, delete it. Once all are
    done it goes, and the same command starts anew. Raises what the failed day raised.
    """
    path = _path(run, job if train else f"{job}-untrained", days)
    # A dry run has done nothing that another could go on after.
    told: dict[str, Any] = {} if run.dry_run else run.store.files.read_json(path)
    if told:
        logger().info("goes on where it stopped", job=job, days_done=len(told), told_by=path)
    try:
        for day in days:
            if day.isoformat() not in told:
                told[day.isoformat()] = _one(run, job, day, train=train)
                if not run.dry_run:
                    run.store.files.write_json(path, told)
        if not run.dry_run:
            run.store.files.delete(path)
    finally:
        _show(job, days, told)


def _path(run: Run, kind: str, days: list[date]) -> str:
    name = f"{kind}-{days[0]}-{days[-1]}-{config_hash(run.config)}"
    return f"{run.store.root}/ops/backfills/{name}.json"


def _one(backfilled: Run, job: str, day: date, *, train: bool) -> dict[str, Any]:
    run = Run(backfilled.spark, backfilled.config, day, job, new_run_id(day), backfilled.dry_run)
    try:
        outcome = _ran(run, job, train=train)
    except NightshelfError as error:
        raise type(error)(f"{job} of {day}: {error}") from error
    backfilled.rows_in += run.rows_in
    backfilled.rows_out += run.rows_out
    return {
        "status": outcome.status,
        "seconds": outcome.seconds,
        "rows_out": run.rows_out,
        "run_id": run.run_id,
        "message": outcome.message,
    }


def _ran(run: Run, job: str, *, train: bool) -> Outcome:
    if job == NIGHTLY:
        return nightly.night(run, nightly.steps_of(nightly.STEPS, train=train))
    return execute(next(step for step in nightly.STEPS if step.name == job), run)


def _show(job: str, days: list[date], told: dict[str, Any]) -> None:
    """A row a day: how it went, or that it has not been run."""
    names = ("ds", "status", "seconds", "rows out", "run id", "message")
    shown = grid(f"{job}, {days[0]} to {days[-1]}", *names, numbers=("seconds", "rows out"))
    for day in days:
        row = told.get(day.isoformat())
        if row is None:
            shown.add_row(day.isoformat(), "not done")
        else:
            shown.add_row(
                day.isoformat(),
                row["status"],
                f"{row['seconds']:.1f}",
                f"{row['rows_out']:,}",
                row["run_id"],
                row["message"] or "",
            )
    Console().print(shown, markup=False)
    done = sum(day.isoformat() in told for day in days)
    Console().print(f"{done} of {len(days)} days done", markup=False)


def _body(arguments: Arguments) -> Outcome:
    extra = arguments.extra
    job, days = extra["job"], _days(extra)
    if job is None:
        raise ConfigError(f"--job is missing: expected one of {', '.join(JOBS)}")
    if arguments.ds != days[-1]:
        raise ConfigError("--ds-from and --ds-to are the days: leave --ds out")
    run = start(arguments, "backfill")
    with recorded(run) as outcome, run.store.locks.at_work(f"backfill/{job}"):
        backfill(run, job, days, train=extra["train"])
    return outcome


def _days(extra: Extra) -> list[date]:
    first, last = (_day(extra, "ds_from"), _day(extra, "ds_to"))
    if first > last:
        raise ConfigError(f"--ds-from {first} --ds-to {last}: the first day is after the last")
    if last > last_day_over():
        raise ConfigError(f"--ds-to {last}: that day is not over (UTC); expected past days")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _day(extra: Extra, name: str) -> date:
    option, told = f"--{name.replace('_', '-')}", extra[name]
    if told is None:
        raise ConfigError(f"{option} is missing: give the first and the last day of the range")
    return parse_ds(told, option)


main = command(
    "backfill",
    _body,
    default_ds=lambda _, extra: _days(extra)[-1],
    options=(
        click.Option(["--job"], type=click.Choice(JOBS), help="What to run for each day."),
        click.Option(["--ds-from"], metavar="DAY", help="First day."),
        click.Option(["--ds-to"], metavar="DAY", help="Last day."),
        nightly.TRAIN,
    ),
)
