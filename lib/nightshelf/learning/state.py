"""Where a training stands: what its checkpoints tell beside tensors, and what it leaves behind."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from torch import Tensor

from nightshelf.learning import checkpoint, progress
from nightshelf.learning.distributed import Ranks
from nightshelf.learning.storage import Folder

CHECKPOINTS: Final = "checkpoints"
BEST: Final = "best"


@dataclass
class State:
    """Where a training stands, beside its tensors.

    position: the steps of the epoch so far. values: what each epoch was judged by, larger is
    better. epoch_loss: the sum over the epoch's rows, of which `shared_loss` is told to all ranks.
    seconds: those of all steps, `waited` of them for rows that the reader had not made yet.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    best_value: float = 0.0
    best_epoch: int = -1
    losses: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    epoch_loss: float = 0.0
    shared_loss: float = 0.0
    scale: float = 1.0
    rows: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    epoch_seconds: list[float] = field(default_factory=list)

    @staticmethod
    def of(told: Mapping[str, Any]) -> "State":
        """The state among the values of a checkpoint."""
        return State(**{own.name: told[own.name] for own in fields(State) if own.name in told})

    @property
    def setbacks(self) -> int:
        """The epochs that were no better than the best before them."""
        return sum(value <= max(self.values[:n]) for n, value in enumerate(self.values) if n)

    def is_over(self, epochs: int, patience: int) -> bool:
        """After so many epochs, or more than `patience` without a better value."""
        waited = len(self.values) - 1 - self.best_epoch if self.values else 0
        return self.epoch >= epochs or waited > patience

    def add_up_loss(self, ranks: Ranks) -> None:
        """Makes `epoch_loss` that of all ranks, so that a checkpoint tells it whole."""
        sums = ranks.gathered(np.array([self.epoch_loss - self.shared_loss]))
        self.epoch_loss = self.shared_loss = self.shared_loss + float(sums.sum())

    def end_epoch(self, value: float, rows: float) -> bool:
        """Whether the epoch's value is the best so far; its loss, of all ranks, was of `rows`."""
        self.values.append(value)
        self.epoch_seconds.append(self.seconds - sum(self.epoch_seconds))
        self.losses.append(self.epoch_loss / rows)
        is_best = self.best_epoch < 0 or value > self.best_value
        if is_best:
            self.best_value, self.best_epoch = value, self.epoch
        self.epoch, self.position = self.epoch + 1, 0
        self.epoch_loss = self.shared_loss = 0.0
        return is_best

    def told(self, rows: int) -> dict[str, Any]:
        """How it went, at `rows` an epoch: rows a second of all ranks, what each epoch lost.

        waited_share: of the time of the steps, that in which rank 0 waited for rows.
        """
        return {
            "rows_s": round(self.rows / self.seconds) if self.seconds else 0,
            "waited_share": round(self.waited / self.seconds, 4) if self.seconds else 0.0,
            "steps": self.step,
            "rows": rows,
            "losses": self.losses,
            "epoch_seconds": self.epoch_seconds,
            "best_epoch": self.best_epoch + 1,
        }


def resumable(
    out: Folder, told: Mapping[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """(tensors, values) of the newest whole checkpoint of the same settings and number of ranks.

    told: the values that a checkpoint would have now. None: the training begins anew.
    """
    found = checkpoint.newest(out.folder(CHECKPOINTS))
    same = json.loads(json.dumps(dict(told)))
    if found is None or any(found[1][name] != same[name] for name in ("settings", "ranks")):
        return None
    return found


def tidy(out: Folder, keep: bool) -> None:
    """Removes what only a training that goes on would need, or all of it."""
    if not keep:
        out.delete()
        return
    out.folder(CHECKPOINTS).delete()
    for name in out.names():
        if name.startswith((BEST, "rank-")) or name in (progress.NAME, progress.ALIVE):
            out.remove(name)
