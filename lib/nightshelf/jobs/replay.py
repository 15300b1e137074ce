"""Replay: a past run's lists made again from what it read, and compared with what it published."""

from collections.abc import Mapping
from functools import partial

import click
from pyspark.sql import Row
from pyspark.sql import functions as F

from nightshelf import __version__
from nightshelf.columns import RUN_ID
from nightshelf.config import as_it_was
from nightshelf.errors import ConfigError, DataQualityError, MissingInputError
from nightshelf.jobs import rank_search, recommend
from nightshelf.jobs.published import check_day, day_of, published_by
from nightshelf.ranking.registry import nearest
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import Arguments, command, start
from nightshelf.runs.logs import logger
from nightshelf.runs.record import Outcome, config_path, execute, versions_of
from nightshelf.runs.run import new_run_id
from nightshelf.tables import GOLD_RECOMMENDATIONS, GOLD_SEARCH_RESULTS, OPS_JOB_RUNS, Table

REPLAYED: Mapping[str, tuple[Job, Table]] = {
    "recommend": (recommend.JOB, GOLD_RECOMMENDATIONS),
    "rank_search": (rank_search.JOB, GOLD_SEARCH_RESULTS),
}


def replay(run: Run, run_id: str, step: str) -> None:
    """Makes the lists again and compares digests; publishes nothing.

    Raises MissingInputError where the run, its configuration or a version that it read is gone,
    DataQualityError where other lists result.
    """
    job, table = REPLAYED[step]
    past = _recorded(run, run_id, step)
    config = as_it_was(_configuration(run, past), run.config)
    published = published_by(run, table, run_id).digest(table, on=run.ds)
    again = Run(run.spark, config, run.ds, step, new_run_id(run.ds), dry_run=True)
    again.store.pin(versions_of(past))
    job.run(again)
    run.rows_in, run.rows_out = again.rows_in, again.rows_out
    rebuilt = again.store.digests[table.name]
    if past["code_version"] != __version__:
        logger().warning("made by other code", then=past["code_version"], now=__version__)
    if rebuilt != published:
        raise DataQualityError(
            f"{run_id}: {step} published {table.name} of {run.ds} with digest {published[:16]}, "
            f"and from the same versions, configuration and model comes {rebuilt[:16]}: other code "
            "or libraries are at work, or a file that a model is made of has changed"
        )
    run.tell(replayed=run_id, of=step, digest=rebuilt[:16], same=True)


def _recorded(run: Run, run_id: str, step: str) -> Row:
    runs = run.read(OPS_JOB_RUNS).where((F.col("job") == step) & (F.col("status") == "done"))
    found = runs.where(F.col(RUN_ID) == run_id).collect()
    if not found:
        known = [row[0] for row in runs.select(RUN_ID).orderBy(F.desc("started")).collect()]
        raise MissingInputError(
            f"--run-id {run_id}: {OPS_JOB_RUNS.name} has no {step} of that run that was done; "
            f"nearest known: {', '.join(nearest(run_id, known)) or 'none'}"
        )
    return found[0]


def _configuration(run: Run, past: Row) -> str:
    path = config_path(run.store.root, past["config_hash"])
    told = run.store.files.read_bytes(path)
    if not told:
        raise MissingInputError(
            f"{past[RUN_ID]}: its configuration is not at {path}; bring the file back from a copy, "
            "or run a job with that configuration again, which keeps it anew"
        )
    return told.decode()


def _body(arguments: Arguments) -> Outcome:
    run_id, step = arguments.extra["past"], arguments.extra["step"] or "recommend"
    if run_id is None:
        raise ConfigError(
            "--run-id is missing: name the run whose lists to make again; jobs/status.py tells "
            "the newest, ops.job_runs all"
        )
    check_day(arguments.ds, run_id, "--run-id")
    # Lists are staged where a rerun of the day would stage its own.
    job = Job("replay", partial(replay, run_id=run_id, step=step), REPLAYED[step][0].writes)
    return execute(job, start(arguments, job.name))


main = command(
    "replay",
    _body,
    default_ds=lambda _, extra: day_of(extra["past"], "--run-id"),
    options=(
        click.Option(["--run-id", "past"], metavar="RUN_ID", help="The run to make again."),
        click.Option(
            ["--job", "step"], type=click.Choice(list(REPLAYED)), help="Which of its steps."
        ),
    ),
)
