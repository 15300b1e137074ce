"""What every training of a model does around it: samples, ranks, a decision in ops.models."""

import json
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import functions as F

from nightshelf.columns import DS
from nightshelf.config import config_hash
from nightshelf.errors import MissingInputError
from nightshelf.features.samples import first_label_day
from nightshelf.jobs.ranking_model import ranks
from nightshelf.learning.launch import Launch
from nightshelf.learning.rank import Work
from nightshelf.learning.state import tidy
from nightshelf.learning.storage import Folder
from nightshelf.ranking.registry import Decision
from nightshelf.runs import Run, Skipped
from nightshelf.runs.logs import logger
from nightshelf.tables import OPS_MODELS, SAMPLES


def check_samples(run: Run, data: str) -> None:
    """Raises MissingInputError without samples, Skipped where they are too few to learn from."""
    if run.store.version(SAMPLES) is None or not run.store.files.exists(f"{data}/inputs.json"):
        raise MissingInputError(f"{data}: no training set of {run.ds}; run build_samples first")
    positive = F.col("labels")[run.config.samples.tasks[0]] > 0
    # Samples of earlier days are of the past.
    since = F.col(DS) >= first_label_day(run.config.samples, run.ds)
    train = run.read(SAMPLES, until=run.ds).where(since & (F.col("split") == "train"))
    run.rows_in, positives = train.agg(F.count("*"), F.count_if(positive)).collect()[0]
    check_positives(run, positives)


def check_positives(run: Run, positives: int) -> None:
    """Raises Skipped where the training days have too few positives of the first task."""
    least = run.config.ctr.min_positives
    if positives < least:
        raise Skipped(
            f"{positives} positives of '{run.config.samples.tasks[0]}' in the training days, fewer "
            f"than ctr.min_positives ({least})"
        )


def launched(run: Run, work: Work) -> dict[str, Any]:
    """What rank 0 tells in the end; the model lies in `work.out` then.

    Progress goes to the log. A training that fails and a dry run leave no files.
    """
    config, out = run.config.ctr, Folder(work.out)
    launch = Launch(
        spark=run.spark,
        work=work,
        ranks=ranks(run),
        restarts=config.restarts,
        stall_seconds=config.stall_seconds,
        tell=lambda facts: logger().info("training", **facts),
        warn=lambda line: logger().warning(line),
    )
    try:
        told = launch.run()
    except Exception:
        # Each run has a folder of its own: none would go on from these checkpoints.
        tidy(out, keep=False)
        raise
    tidy(out, keep=not run.dry_run)
    return told


def record(
    run: Run,
    model_id: str,
    kind: str,
    path: str,
    told: dict[str, Any],
    decision: Decision,
    keys: tuple[str, ...],
) -> None:
    """Adds the decision to ops.models; keys: of the configuration, that the model hangs on."""
    row = (
        model_id,
        run.run_id,
        run.ds,
        kind,
        decision.status,
        decision.why,
        datetime.now(UTC),  # tells decisions of one day apart
        path,
        told["metrics"],
        json.dumps(told.get("roc", [])),
        json.dumps(dict(sorted(run.store.versions.items()))),
        config_hash(run.config, *keys),
        str(run.store.manifest["code_version"]),
    )
    run.store.append_row(row, OPS_MODELS)
