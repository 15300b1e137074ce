"""What a training minimises, and by what it stops."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from nightshelf.ctr.architecture import Network
from nightshelf.ctr.batch import Batch, copied
from nightshelf.ctr.judging import auc
from nightshelf.ctr.trained import Trained
from nightshelf.fields import Rows
from nightshelf.learning.distributed import Ranks
from nightshelf.learning.storage import Folder


class Objective(Protocol):
    """The part of a training that hangs on what is learnt."""

    @property
    def share(self) -> float:
        """The share of the training set's rows that it learns from."""

    def rows(self, rows: Rows) -> Rows:
        """Those of a batch that it learns from; possibly none."""

    def loss(self, network: Network, batch: Batch, rows: Rows) -> Tensor:
        """The sum of the losses of the rows, at least one, that `batch` was looked up for."""

    def judge(self, model: Trained, ranks: Ranks) -> float:
        """How good the model is on the valid days, the larger the better; the same on all ranks."""


@dataclass(frozen=True)
class Clicks:
    """Probabilities of the tasks by their cross-entropy, judged by the AUC of the first."""

    valid: Folder
    share: float = 1.0

    def rows(self, rows: Rows) -> Rows:
        """All of them."""
        return rows

    def loss(self, network: Network, batch: Batch, rows: Rows) -> Tensor:
        """The sum of the rows' cross-entropy."""
        logits = network(batch)
        return cross_entropy(logits.float(), copied(rows.labels, logits.device))

    def judge(self, model: Trained, ranks: Ranks) -> float:
        """The AUC on the valid days."""
        return auc(model, self.valid, ranks)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The sum over rows, and the mean over tasks, of the cross-entropy of q = sigmoid(logits).

    logits and labels (B, T).
    """
    losses = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
    return losses / labels.shape[1]
