"""What each rank of a training job runs, from the training set to the judged model."""

from dataclasses import dataclass, replace
from typing import Any, Final

import torch

from nightshelf.ctr.calibrating import fit as calibrated
from nightshelf.ctr.calibration import UNCALIBRATED
from nightshelf.ctr.judging import Answers, answers
from nightshelf.ctr.models import TWO_TOWER
from nightshelf.ctr.settings import Settings
from nightshelf.ctr.towers import fit_towers
from nightshelf.ctr.trained import Trained
from nightshelf.ctr.training import Training
from nightshelf.errors import DataQualityError
from nightshelf.fields import Inputs
from nightshelf.learning.distributed import Ranks
from nightshelf.learning.precision import repeatable
from nightshelf.learning.state import BEST
from nightshelf.learning.storage import Folder
from nightshelf.metrics import roc_points

TRAIN_ROWS: Final = 500_000
"""Of the training days, about so many rows are judged."""


@dataclass(frozen=True)
class Work:
    """One training job: URIs of the training set, of the model's folder, of the model in use.

    buckets: ids that rare values share in the model in use, and that newer ones are judged by.
    """

    data: str
    out: str
    settings: Settings
    current: str | None = None
    buckets: int = 0

    def __call__(self, ranks: Ranks) -> dict[str, Any]:
        """What each rank runs: `fit`."""
        return fit(self, ranks)


def fit(work: Work, ranks: Ranks) -> dict[str, Any]:
    """Trains, calibrates and judges; `model.safetensors` and `model.json` lie in `work.out` then.

    Tells of `rows_s` (rows a second while training, all ranks), the epochs' losses and valid AUCs,
    and, by split and task, the metrics of the model and of the model in use. Two towers are learnt
    and judged as `towers.fit_towers` tells.
    """
    torch.set_num_threads(work.settings.threads)
    repeatable()
    data, out = Folder(work.data), Folder(work.out)
    if work.settings.architecture.name == TWO_TOWER:
        return fit_towers(data, out, work.settings, ranks)
    training = Training(data, out, work.settings, ranks)
    state = training.run()
    model = Trained.load(out, BEST, training.device)
    valid = answers(model, data.folder("valid"), ranks)
    kind = work.settings.calibration
    model.calibrations = tuple(
        calibrated(kind, valid.logits[:, t], valid.labels[:, t], valid.weights)
        for t in range(len(model.inputs.tasks))
    )
    told = {**training.told(), "valid_aucs": state.values, **_judged(model, work, valid, ranks)}
    if ranks.rank == 0:
        model.save(out, told={"told": told})
    return told


def _judged(model: Trained, work: Work, valid: Answers, ranks: Ranks) -> dict[str, Any]:
    """The metrics by split and task, and the test's ROC points."""
    data = Folder(work.data)
    metrics: dict[str, float] = {}
    test = answers(model, data.folder("test"), ranks)
    train = answers(model, data.folder("train"), ranks, TRAIN_ROWS)
    for split, told in {"train": train, "valid": valid, "test": test}.items():
        metrics |= _metrics(model, told, split)
    metrics["test.ece_uncalibrated"] = test.of(0, UNCALIBRATED)["ece"]
    first = model.calibrations[0].apply(test.logits[:, 0])
    found: dict[str, Any] = {
        "metrics": metrics,
        "roc": roc_points(test.labels[:, 0], first, test.weights),
    }
    if work.current is not None:
        try:
            current = Trained.load(Folder(work.current), device=model.table.device)
        except DataQualityError as unreadable:
            # It ranks nothing as it is: the new one shall replace it.
            return {**found, "current_unreadable": str(unreadable)}
        if reads(current.inputs, model.inputs):
            current.layout = replace(current.layout, buckets=work.buckets)
            told = answers(current, data.folder("test"), ranks)
            found["current"] = _metrics(current, told, "test")
    return found


def _metrics(model: Trained, told: Answers, split: str) -> dict[str, float]:
    """`<split>.<metric>` of the first task, `<split>.<task>.<metric>` of the others."""
    found: dict[str, float] = {}
    for t, task in enumerate(model.inputs.tasks):
        name = split if t == 0 else f"{split}.{task}"
        values = told.of(t, model.calibrations[t])
        found |= {f"{name}.{metric}": value for metric, value in values.items()}
    return found


def reads(inputs: Inputs, columns: Inputs) -> bool:
    """Whether a model of `inputs` can be judged on a training set of `columns`, which may be more.

    Ids and scales may be others: newer ids are rare values to it. Vectors are of one text model.
    """
    return inputs.tasks == columns.tasks and all(
        set(getattr(inputs, names)) <= set(getattr(columns, names))
        for names in ("categorical_columns", "numeric_columns", "history_columns", "vectors")
    )
