"""What a model says of the rows of a split, by all ranks together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nightshelf.ctr.calibration import UNCALIBRATED, Calibration
from nightshelf.ctr.decoding import decoder
from nightshelf.ctr.trained import Trained
from nightshelf.fields import Inputs, Rows
from nightshelf.learning.distributed import Ranks
from nightshelf.learning.reader import own_share
from nightshelf.learning.storage import Folder
from nightshelf.metrics import metrics

Array = NDArray[Any]
ROWS: Final = 65_536


@dataclass(frozen=True)
class Answers:
    """logits and labels (B, T), weights and users (B,), of all rows of a split."""

    logits: Array
    labels: Array
    weights: Array
    users: Array

    def of(self, task: int, curve: Calibration) -> dict[str, float]:
        """The metrics of a task's probabilities, made of its logits by the curve."""
        probabilities = curve.apply(self.logits[:, task])
        return metrics(self.labels[:, task], probabilities, self.weights, self.users)


def answers(model: Trained, folder: Folder, ranks: Ranks, most: int | None = None) -> Answers:
    """What the model says of the rows of a split, or of about `most`; each rank has its share."""
    tasks = len(model.inputs.tasks)
    parts: list[tuple[Array, ...]] = [
        (
            np.empty((0, tasks), np.float32),
            np.empty((0, tasks), np.float32),
            np.empty(0, np.float32),
            np.empty(0, np.int64),
        )
    ]
    for rows in own_rows(model.inputs, folder, ranks, most):
        parts.append((model.logits(rows), rows.labels, rows.weights, rows.users))
    columns = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Answers(*(ranks.gathered(column) for column in columns))


def own_rows(
    inputs: Inputs, folder: Folder, ranks: Ranks, most: int | None = None
) -> Iterator[Rows]:
    """The rank's share of the rows of a split, or of about `most` of them, as they lie."""
    yield from own_share(folder, decoder(inputs), ranks, at_once=ROWS, most=most)


def auc(model: Trained, folder: Folder, ranks: Ranks) -> float:
    """The AUC of the first task; 0.5 where the split has rows of one class only."""
    told = answers(model, folder, ranks)
    return told.of(0, UNCALIBRATED).get("auc", 0.5)
