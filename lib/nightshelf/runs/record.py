"""The record of a run: a row in ops.job_runs, a status file, a line on the screen."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlparse

from pyspark.sql import Row, SparkSession

from nightshelf.config import config_hash, decisive
from nightshelf.errors import (
    EXIT_BUG,
    EXIT_OK,
    ConfigError,
    MissingInputError,
    NightshelfError,
    short_line,
)
from nightshelf.runs.failures import explained
from nightshelf.runs.logs import logger
from nightshelf.runs.run import Job, Run, Skipped
from nightshelf.tables import OPS_JOB_RUNS
from nightshelf.tables.files import Files


@dataclass
class Outcome:
    """How a run ended."""

    status: str = "done"
    exit_code: int = EXIT_OK
    message: str | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0


@contextmanager
def recorded(run: Run) -> Iterator[Outcome]:
    """Times what happens inside, and writes its record whether it ends well or not."""
    # As it stands where the operator interrupts it, which is no Exception.
    outcome = Outcome("failed", EXIT_BUG, "interrupted")
    begun = time.monotonic()
    try:
        yield outcome
        outcome.status = "dry-run" if run.dry_run else "done"
        outcome.exit_code, outcome.message = EXIT_OK, None
    except Skipped as skipped:
        outcome.status, outcome.message = "skipped", str(skipped)
        outcome.exit_code = EXIT_OK
    except Exception as error:
        told = explained(error)
        outcome.status = "dry-run" if run.dry_run else "failed"
        outcome.exit_code = told.exit_code if told else EXIT_BUG
        outcome.message = str(told) if told else f"{type(error).__name__}: a bug in {run.job}"
        raise (told or error) from (None if told is error else error)
    finally:
        outcome.seconds = round(time.monotonic() - begun, 3)
        _write_row(run, outcome)


def execute(job: Job, run: Run) -> Outcome:
    """Runs one job under its locks and records it. Errors are raised after they are recorded."""
    with recorded(run) as outcome, run.store.locks.at_work(*job.locks(run.ds)):
        try:
            job.run(run)
        finally:
            # However it ended, no later step has a use for what it kept between its reads.
            with _warned("what the step kept in memory stays there"):
                run.spark.catalog.clearCache()
    if outcome.status == "skipped":
        logger().info("step", step=job.name, status="skipped", why=outcome.message)
    else:
        logger().info(
            "step",
            step=job.name,
            status=outcome.status,
            rows_in=run.rows_in,
            rows_out=run.rows_out,
            seconds=outcome.seconds,
            **run.told,
        )
    return outcome


def config_path(root: str, hashed: str) -> str:
    """Where the sections lie that a configuration's hash stands for."""
    return f"{root}/ops/configs/{hashed}.yaml"


def versions_of(row: Row) -> dict[str, int]:
    """The version of each table that a run read, by its row of ops.job_runs."""
    return dict(json.loads(row["input_versions"]))


def _keep_config(run: Run) -> None:
    files, path = run.store.files, config_path(run.store.root, config_hash(run.config))
    wanted = decisive(run.config).encode()
    try:
        is_kept = files.read_bytes(path) == wanted
    except MissingInputError:  # torn
        is_kept = False
    if not is_kept:
        files.write_bytes(path, wanted)


def _write_row(run: Run, outcome: Outcome) -> None:
    row = (
        run.run_id,
        run.job,
        run.ds,
        outcome.status,
        outcome.exit_code,
        outcome.message,
        outcome.started,
        outcome.seconds,
        run.rows_in,
        run.rows_out,
        json.dumps(dict(sorted(run.store.versions.items()))),
        config_hash(run.config),
        str(run.store.manifest["code_version"]),
    )
    with _warned("no row written to ops.job_runs"):
        run.store.append_row(row, OPS_JOB_RUNS)
    with _warned("the run's configuration was not kept"):
        _keep_config(run)


@contextmanager
def _warned(what: str) -> Iterator[None]:
    """Tells an error as a warning: the record must not hide how the run itself ended."""
    try:
        yield
    except Exception as error:
        logger().warning(what, why=f"{type(error).__name__}: {error}")


def write_status(
    uri: str | None, job: str, ds: date | None, run_id: str | None, outcome: Outcome
) -> None:
    """Writes how the run ended to `uri` as JSON, for schedulers that do not see exit codes.

    What cannot be written is told as an error and changes no exit code.
    """
    if uri is None:
        return
    try:
        _write(uri, job, ds, run_id, outcome)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        logger().error("the status file could not be written", path=uri, why=why)


def _write(uri: str, job: str, ds: date | None, run_id: str | None, outcome: Outcome) -> None:
    told = {
        "job": job,
        "ds": ds.isoformat() if ds else None,
        "run_id": run_id,
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "message": outcome.message,
        "started": outcome.started.isoformat(),
        "seconds": outcome.seconds,
    }
    local = urlparse(uri)
    if local.scheme in {"", "file"}:
        path = Path(local.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text(json.dumps(told, sort_keys=True) + "\n")
        partial.replace(path)
    else:
        Files(SparkSession.builder.getOrCreate()).write_json(uri, told)


def failure(error: Exception) -> Outcome:
    """The outcome of a run that ended by `error`."""
    if isinstance(error, NightshelfError):
        return Outcome("failed", error.exit_code, str(error))
    return Outcome("failed", EXIT_BUG, f"{type(error).__name__}: {short_line(error)}")


def parse_ds(text: str, option: str = "--ds") -> date:
    """A real date written YYYY-MM-DD. Raises ConfigError for anything else."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:
        raise ConfigError(
            f"{option} {text!r}: expected a real date as YYYY-MM-DD, such as 2026-11-24"
        )
    return found


def last_day_over() -> date:
    """Yesterday in UTC, of which the days are."""
    return datetime.now(UTC).date() - timedelta(days=1)
