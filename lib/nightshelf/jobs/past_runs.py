"""What ops.job_runs tells of runs that are over."""

from collections.abc import Mapping
from typing import Final

from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F

from nightshelf.columns import DS
from nightshelf.config import Config
from nightshelf.runs import Run
from nightshelf.tables import OPS_JOB_RUNS

EVALUATE: Final = "evaluate"
NO_STEPS: Final = ("nightly", "backfill", "replay")
"""Jobs that say again what the steps of nights say, or only look at one."""


def night(config: Config) -> Column:
    """The night that a row of [ops.job_runs] belongs to: EVALUATE judges an earlier day's lists."""
    days = F.when(F.col("job") == EVALUATE, config.evaluate.horizon_days).otherwise(0)
    return F.date_add(DS, days)


def with_repaired(runs: DataFrame) -> DataFrame:
    """[ops.job_runs] -> the same and `repaired`: a later run of the same (job, ds) did well."""
    same = Window.partitionBy("job", DS)
    well = F.max(F.when(F.col("status") == "done", F.col("started"))).over(same)
    return runs.withColumn("repaired", F.coalesce(well > F.col("started"), F.lit(False)))


def last_runs(run: Run) -> dict[str, Row]:
    """The last run of each step in the night of ds, by its job's name; dry runs are left out.

    So are NO_STEPS: a night is recorded once all of its steps are over.
    """
    rows = (
        run.read(OPS_JOB_RUNS, until=run.ds)
        .where(night(run.config) == F.lit(run.ds))
        .where((F.col("status") != "dry-run") & ~F.col("job").isin(*NO_STEPS))
        .orderBy("started")
        .collect()
    )
    return {row["job"]: row for row in rows}


def why_not(ran: Mapping[str, Row], job: str, *, otherwise: str, off: str | None = None) -> str:
    """Why a night has nothing of a job: a sentence, from `last_runs`.

    off: the key of the configuration that turns the job off, where it does. otherwise: what to say
    where the job did well.
    """
    last = ran.get(job)
    if last is not None and last["status"] == "failed":
        return f"`{job}` failed: {last['message']}."
    if off is not None:
        return f"`{off}` is false."
    if last is None:
        failed = ", ".join(name for name, row in ran.items() if row["status"] == "failed")
        return f"`{job}` has not run: {failed} failed." if failed else f"`{job}` has not run yet."
    return f"`{job}` was skipped: {last['message']}." if last["status"] == "skipped" else otherwise
