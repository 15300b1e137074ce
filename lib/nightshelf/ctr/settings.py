"""How a model is trained: plain values that travel to ranks and into checkpoints."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from nightshelf.ctr.architecture import Architecture
from nightshelf.learning.rates import rate

SMALLEST_BATCH: Final = 256
CUT: Final = 0.1
"""What is left of the learning rate after an epoch without a better value."""


@dataclass(frozen=True)
class Settings:
    """As in the configuration's `ctr`; `batch_size` is that of all ranks together.

    least_steps: of an epoch, for which batches are smaller, but not below `SMALLEST_BATCH`.
    recall_at: among how many of the best items two towers shall find what was wanted.
    """

    architecture: Architecture
    batch_size: int = 4_096
    least_steps: int = 1
    accumulate: int = 1
    epochs: int = 5
    patience: int = 1
    learning_rate: float = 1e-3
    schedule: Literal["linear", "plateau"] = "linear"
    warm_up: float = 0.05
    final_rate: float = 0.1
    averaged_epochs: int = 1
    weight_decay: float = 0.0
    embedding_decay: float = 1e-5
    lazy: bool = True
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    compression: Literal["none", "fp16"] = "none"
    threads: int = 1
    checkpoint_steps: int = 500
    calibration: Literal["isotonic", "platt", "none"] = "platt"
    seed: int = 7
    recall_at: int = 50

    def told(self) -> dict[str, Any]:
        """The settings as JSON's kinds of values."""
        return asdict(self)

    def batch(self, rows: int) -> int:
        """The rows of a step where an epoch has so many."""
        return min(self.batch_size, max(SMALLEST_BATCH, rows // self.least_steps))

    def rate(self, step: int, steps: int, setbacks: int = 0) -> float:
        """The learning rate of a step, counted from 0, of all steps.

        linear: it grows in a line over the first `warm_up` of them, then falls in a line to
        `final_rate` of its highest. plateau: a tenth of what it was from each of the `setbacks` on,
        epochs that were no better than the best before them.
        """
        if self.schedule == "plateau":
            return self.learning_rate * CUT**setbacks
        return rate(step, steps, self.learning_rate, warm_up=self.warm_up, final=self.final_rate)
