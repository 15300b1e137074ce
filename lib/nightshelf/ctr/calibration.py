"""From a model's logits to probabilities that hold.

Letters: B rows, K knots.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from nightshelf.errors import DataQualityError

Kind = Literal["isotonic", "platt", "none"]
Doubles = NDArray[np.float64]

ORDER_SHARE: Final = 1e-6
"""Share of a probability that only keeps the logits' order: (1 + z / (1 + |z|)) / 2.

An isotonic curve is flat over whole ranges and a sigmoid ends in 1: both would make rows equal that
the model tells apart. The share also keeps every probability away from 0 and 1.
"""

LEAST_SLOPE: Final = 1e-6


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
            return _sigmoid(z)
        if self.kind == "platt":
            told = _sigmoid(self.slope * z + self.intercept)
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


def fit(
    kind: Kind, logits: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any]
) -> Calibration:
    """The calibration of (B,) logits by labels of 0 and 1.

    Where negatives were sampled, `weights` say how many each kept row stands for: probabilities are
    then those of the population. Raises DataQualityError where a logit is not finite or no row
    weighs anything.
    """
    z, y, w = (values.astype(np.float64) for values in (logits, labels, weights))
    if not np.isfinite(z).all():
        bad = int(np.count_nonzero(~np.isfinite(z)))
        raise DataQualityError(
            f"calibration: expected finite logits, found {bad:,} of {len(z):,} that are not; the "
            "training has diverged: try a lower ctr.learning_rate"
        )
    if kind == "none":
        return UNCALIBRATED
    some = w > 0
    if not some.any():
        raise DataQualityError(
            "calibration: no row to learn from; give samples.valid_days days that have events"
        )
    return _FITS[kind](z[some], y[some], w[some])


def _isotonic(z: Doubles, y: Doubles, w: Doubles) -> Calibration:
    """The rising curve of least squares (Zadrozny and Elkan 2002), centred.

    Its steps are joined by lines from middle to middle (centered isotonic regression: Oron and
    Flournoy 2017): the truth rises within a step, too. Bounded by half a row at either end: a few
    negatives below all positives are no proof of 0.
    """
    least = float(0.5 * w.min() / w.sum())
    order = np.argsort(z, kind="stable")
    z, y, w = z[order], y[order], w[order]
    steps = IsotonicRegression(y_min=least, y_max=1 - least).fit_transform(z, y, sample_weight=w)
    starts = np.flatnonzero(np.append(True, steps[1:] != steps[:-1]))
    middle = np.add.reduceat(w * z, starts) / np.add.reduceat(w, starts)
    return Calibration(
        "isotonic", thresholds=tuple(middle.tolist()), values=tuple(steps[starts].tolist())
    )


def _platt(z: Doubles, y: Doubles, w: Doubles) -> Calibration:
    """Logistic regression on the logit, with Platt's (1999) targets.

    (n + 1) / (n + 2) for n positives and 1 / (n + 2) for n negatives instead of 1 and 0, so that
    classes which the logits separate still have a finite slope. Where that comes out at 0 or below,
    the rate of positives is given to all, in the order of the logits.
    """
    n, m = float(np.count_nonzero(y > 0)), float(np.count_nonzero(y <= 0))
    target = np.where(y > 0, (n + 1) / (n + 2), 1 / (m + 2))
    scale = float(np.abs(z).max()) or 1.0
    share = w / w.sum()

    def loss(told: Doubles) -> tuple[float, Doubles]:
        t = told[0] * (z / scale) + told[1]
        value = share @ (np.logaddexp(0, t) - target * t)
        slope = share * (_sigmoid(t) - target)
        return float(value), np.array([slope @ z / scale, slope.sum()])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-9})
    slope, intercept = float(found.x[0]) / scale, float(found.x[1])
    if slope < LEAST_SLOPE:
        rate = float(share @ target)
        slope, intercept = LEAST_SLOPE, float(np.log(rate / (1 - rate)))
    return Calibration("platt", slope=slope, intercept=intercept)


def _sigmoid(z: Doubles) -> Doubles:
    """1 / (1 + exp(-z)), without overflow."""
    small = np.exp(-np.abs(z))
    found: Doubles = np.where(z >= 0, 1.0, small) / (1 + small)
    return found


_FITS: Final[Mapping[str, Callable[[Doubles, Doubles, Doubles], Calibration]]] = {
    "isotonic": _isotonic,
    "platt": _platt,
}
