"""Train: the exported samples of ds -> models/<run_id>/, and a decision in ops.models."""

from typing import Any

from nightshelf.ctr.fitting import Work
from nightshelf.errors import DataQualityError
from nightshelf.jobs import ranking_model as model
from nightshelf.jobs.learning import check_samples, launched, record
from nightshelf.jobs.training_set import folder
from nightshelf.learning.storage import Folder
from nightshelf.ranking.model import encoding_of, freeze_encoding
from nightshelf.ranking.registry import RANKER, Decision, gate
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.runs.logs import logger
from nightshelf.runs.tracking import check_tracking, track
from nightshelf.tables import OPS_MODELS


def run(run: Run) -> None:
    """Trains on the samples of ds; the gate decides whether the model ranks from now on."""
    config = run.config.ctr
    if not config.enabled:
        raise Skipped("ctr.enabled is false")
    check_tracking(run.config.tracking)
    data = folder(run)
    check_samples(run, data)
    current, buckets = _in_use(run)
    out = f"{run.store.root}/{model.model_path(run)}"
    freeze_encoding(Folder(data), Folder(out))
    told = launched(run, Work(data, out, model.settings(run), current, buckets))
    test, before = (_test(told.get(of, {})) for of in ("metrics", "current"))
    if "current_unreadable" in told:
        logger().warning("compared with no model", why=told["current_unreadable"])
    decision = gate(test, before, config.tolerance)
    _tell(run, told, test, decision)
    name = model.model_id(run)
    if run.dry_run:
        return
    record(run, name, config.model, model.model_path(run), told, decision, model.KEYS)
    track(run.config.tracking, name, config.model_dump(mode="json"), told["metrics"])


def _in_use(run: Run) -> tuple[str | None, int]:
    """The folder of the model that ranks, None where none does, and the buckets of its encoding."""
    found = model.model_in_use(run, RANKER)
    if found is None:
        return None, 0
    try:
        return found[1], encoding_of(Folder(found[1])).buckets
    except DataQualityError as unreadable:
        # It ranks nothing as it is: the new one shall replace it.
        logger().warning("compared with no model", why=str(unreadable))
        return None, 0


def _test(metrics: dict[str, float]) -> dict[str, float]:
    """The test metrics of the first task by their own names."""
    names = {name: name.removeprefix("test.") for name in metrics if name.startswith("test.")}
    return {own: metrics[name] for name, own in names.items() if "." not in own}


def _tell(run: Run, told: dict[str, Any], test: dict[str, float], decision: Decision) -> None:
    run.rows_out = 1
    shown = {
        f"test_{n}": round(test[n], 4) for n in ("auc", "gauc", "log_loss", "ece") if n in test
    }
    run.tell(
        model=model.model_id(run), rows_s=told["rows_s"], **shown, decision=decision.status,
        why=decision.why,
    )  # fmt: skip
    if not decision.promote:
        logger().warning("the new model does not rank", why=decision.why)


JOB = Job("train_ctr", run, writes=(OPS_MODELS,))
main = single(JOB)
