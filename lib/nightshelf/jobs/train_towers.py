"""Train towers: the exported samples of ds -> models/<run_id>-towers/, a row in ops.models."""

from typing import Any

from nightshelf.ctr.fitting import Work
from nightshelf.jobs import two_towers as towers
from nightshelf.jobs.learning import check_samples, launched, record
from nightshelf.jobs.training_set import folder
from nightshelf.learning.storage import Folder
from nightshelf.ranking.model import encoding_of, freeze_encoding
from nightshelf.ranking.registry import TWO_TOWER, Decision, towers_gate
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.runs.logs import logger
from nightshelf.runs.tracking import check_tracking, track
from nightshelf.tables import OPS_MODELS


def run(run: Run) -> None:
    """Trains on the samples of ds; the gate decides whether the towers find from now on."""
    config = run.config.towers
    if not config.enabled:
        raise Skipped("towers.enabled is false")
    check_tracking(run.config.tracking)
    data, path = folder(run), towers.towers_path(run)
    check_samples(run, data)
    out = f"{run.store.root}/{path}"
    settings = towers.towers_settings(run, encoding_of(Folder(data)))
    freeze_encoding(Folder(data), Folder(out))
    told = launched(run, Work(data, out, settings))
    test = {name: told["metrics"][f"test.{name}"] for name in _SHOWN}
    decision = towers_gate(test, config.recall_at)
    _tell(run, told, test, decision)
    name = towers.towers_id(run)
    if run.dry_run:
        return
    record(run, name, TWO_TOWER, path, told, decision, towers.KEYS)
    track(run.config.tracking, name, config.model_dump(mode="json"), told["metrics"])


_SHOWN = ("recall", "popular_recall", "positives")


def _tell(run: Run, told: dict[str, Any], test: dict[str, float], decision: Decision) -> None:
    run.rows_out = 1
    shown = {f"test_{name}": round(value, 4) for name, value in test.items()}
    run.tell(
        model=towers.towers_id(run), rows_s=told["rows_s"], epochs=told["best_epoch"], **shown,
        decision=decision.status, why=decision.why,
    )  # fmt: skip
    if not decision.promote:
        logger().warning("the new towers do not find candidates", why=decision.why)


JOB = Job("train_towers", run, writes=(OPS_MODELS,))
main = single(JOB)
