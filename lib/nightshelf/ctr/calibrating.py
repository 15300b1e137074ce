"""Calibrations learnt from a model's logits and what happened.

Apart from `calibration`, since whoever only scores needs none of these libraries.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from nightshelf.ctr.calibration import UNCALIBRATED, Calibration, Doubles, Kind, sigmoid
from nightshelf.errors import DataQualityError

LEAST_SLOPE: Final = 1e-6


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
        slope = share * (sigmoid(t) - target)
        return float(value), np.array([slope @ z / scale, slope.sum()])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-9})
    slope, intercept = float(found.x[0]) / scale, float(found.x[1])
    if slope < LEAST_SLOPE:
        rate = float(share @ target)
        slope, intercept = LEAST_SLOPE, float(np.log(rate / (1 - rate)))
    return Calibration("platt", slope=slope, intercept=intercept)


_FITS: Final[Mapping[str, Callable[[Doubles, Doubles, Doubles], Calibration]]] = {
    "isotonic": _isotonic,
    "platt": _platt,
}
