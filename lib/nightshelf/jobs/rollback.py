"""Rollback: what readers had on an earlier day, or an earlier model, again."""

from collections.abc import Mapping
from datetime import date
from functools import partial

import click

from nightshelf.errors import ConfigError, MissingInputError
from nightshelf.jobs.restoring import restore_model
from nightshelf.jobs.serving import ROLLED_BACK_FROM, SERVED, deciding, newest_day
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import Arguments, command, start
from nightshelf.runs.logs import logger
from nightshelf.runs.record import Outcome, execute, last_day_over, parse_ds
from nightshelf.tables import OPS_MODELS, Table


def republish(run: Run, tables: Mapping[Table, Table]) -> None:
    """Gives readers the rows of ds again, of each serving table from its history in gold.

    They stay until the night that they had, or a later one, publishes. Raises MissingInputError,
    with nothing changed, where the history has none of that day.
    """
    served = {to: gold for to, gold in tables.items() if run.store.version(to) is not None}
    if not served:
        raise MissingInputError(
            f"--to-ds {run.ds}: readers have nothing yet under {run.store.root}; run a night first"
        )
    for serving, gold in served.items():
        if not run.store.has(gold, run.ds):
            raise MissingInputError(
                f"--to-ds {run.ds}: {gold.name} holds nothing of that day; nearest days that it "
                f"holds: {_nearest_days(run, gold)}; leave {serving.name} as it is by naming the "
                "other with --table"
            )
    changed = [_again(run, serving, gold) for serving, gold in served.items()]
    if not any(changed):
        raise Skipped(f"readers have what was published for {run.ds} already")


def _again(run: Run, serving: Table, gold: Table) -> bool:
    """Whether readers had something else before."""
    with deciding(run, serving):
        return _given_back(run, serving, gold)


def _given_back(run: Run, serving: Table, gold: Table) -> bool:
    had = run.store.last_manifest(serving)
    told = {"table": serving.name, "from_ds": had.get("ds", "nothing"), "to_ds": run.ds.isoformat()}
    if run.store.digest(gold, on=run.ds) == run.store.digest(serving):
        logger().info("as it was", **told)
        return False
    # A day that is not over was no night's: it must not keep the next ones from readers.
    newest = min(newest_day(had) or run.ds, last_day_over())
    about = {ROLLED_BACK_FROM: newest.isoformat()}
    run.publish(run.read(gold, on=run.ds), serving, about=about)
    logger().info("would be rolled back" if run.dry_run else "rolled back", **told)
    return True


def _nearest_days(run: Run, gold: Table) -> str:
    """The days of a table nearest to ds, the nearest first."""
    days = [row[0] for row in run.read(gold).select("ds").distinct().collect()]
    return ", ".join(str(day) for day in sorted(days, key=lambda day: abs(day - run.ds))[:3])


def _body(arguments: Arguments) -> Outcome:
    model_id, to_ds = arguments.extra["model"], arguments.extra["to_ds"]
    if (model_id is None) == (to_ds is None):
        raise ConfigError(
            "give either --to-ds D, the day whose lists readers shall have again, or --model "
            "MODEL_ID, the model to restore (jobs/models.py lists all)"
        )
    if model_id:
        if arguments.extra["table"]:
            raise ConfigError("--table names lists, and --model restores none: leave one out")
        job = Job("rollback", partial(restore_model, model_id=model_id), writes=(OPS_MODELS,))
        return execute(job, start(arguments, job.name))
    if arguments.ds != _day(arguments.extra):
        raise ConfigError("--to-ds is the day itself: leave --ds out")
    named = arguments.extra["table"]
    tables = {to: gold for to, gold in SERVED.items() if named in (None, to.name)}
    job = Job("rollback", partial(republish, tables=tables), writes=tuple(tables))
    return execute(job, start(arguments, job.name))


def _day(extra: Mapping[str, str | None]) -> date | None:
    to_ds = extra["to_ds"]
    return parse_ds(to_ds, "--to-ds") if to_ds else None


main = command(
    "rollback",
    _body,
    default_ds=lambda _, extra: _day(extra),
    options=(
        click.Option(["--to-ds"], metavar="DAY", help="The day whose lists readers have again."),
        click.Option(
            ["--table"],
            type=click.Choice([table.name for table in SERVED]),
            help="The only table to roll back; all without it.",
        ),
        click.Option(["--model"], metavar="MODEL_ID", help="The model to use again, from --ds on."),
    ),
)
