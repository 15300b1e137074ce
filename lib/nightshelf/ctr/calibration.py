"""From a model's logits to probabilities that hold.

Letters: B rows, K knots. How a calibration is learnt is told in `calibrating`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["isotonic", "platt", "none"]
Doubles = NDArray[np.float64]

ORDER_SHARE: Final = 1e-6
"""Share of a probability that only keeps the logits' order: (1 + z / (1 + |z|)) / 2.

An isotonic curve is flat over whole ranges and a sigmoid ends in 1: both would make rows equal that
the model tells apart. The share also keeps every probability away from 0 and 1.
"""


@dataclass(frozen=True)
class Calibration:
    """A strictly rising function of the logit z.

    isotonic: `values` (K,) at the logits `thresholds` (K,), linear between, level beyond. platt:
    the sigmoid of slope * z + intercept. none: the sigmoid of z, as it is.
    """

    kind: Kind
    thresholds: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, logits: NDArray[Any]) -> Doubles:
        """(B,) logits -> (B,) probabilities in double precision.

        Larger logits of single precision get larger probabilities, but for `none` beyond 36, where
        the sigmoid itself is 1.
        """
        z = logits.astype(np.float64)
        if self.kind == "none":
            return sigmoid(z)
        if self.kind == "platt":
            told = sigmoid(self.slope * z + self.intercept)
        else:
            told = np.interp(z, self.thresholds, self.values)
        order: Doubles = (1 + z / (1 + np.abs(z))) / 2
        mixed: Doubles = (1 - ORDER_SHARE) * told + ORDER_SHARE * order
        return mixed

    def to_plain(self) -> dict[str, Any]:
        """As values that JSON can hold; `from_plain` reads them back, to the last bit."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @staticmethod
    def from_plain(told: Mapping[str, Any]) -> "Calibration":
        """The calibration that `to_plain` told."""
        lists = {name: tuple(told[name]) for name in ("thresholds", "values")}
        return Calibration(**{**told, **lists})


UNCALIBRATED: Final = Calibration("none")
"""The sigmoid of the logit."""


def sigmoid(z: Doubles) -> Doubles:
    """1 / (1 + exp(-z)), without overflow."""
    small = np.exp(-np.abs(z))
    found: Doubles = np.where(z >= 0, 1.0, small) / (1 + small)
    return found
