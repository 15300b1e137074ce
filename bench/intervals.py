"""Bootstrap intervals of means over users or queries."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLES = 2_000
Values = NDArray[Any]


def ratio(ours: Values, other: Values, digits: int) -> dict[str, float]:
    """By what share the mean of `ours` is above that of `other`, and the 95 % interval."""
    picks = _picks(len(ours))
    low, high = np.quantile(ours[picks].mean(1) / other[picks].mean(1) - 1, (0.025, 0.975))
    return _told(ours.mean() / other.mean() - 1, low, high, digits)


def difference(ours: Values, other: Values, digits: int) -> dict[str, float]:
    """By how much the mean of `ours` is above that of `other`, and the 95 % interval."""
    apart = ours - other
    low, high = np.quantile(apart[_picks(len(ours))].mean(1), (0.025, 0.975))
    return _told(apart.mean(), low, high, digits)


def _picks(count: int) -> Values:
    return np.random.default_rng(0).integers(0, count, (SAMPLES, count))


def _told(value: float, low: float, high: float, digits: int) -> dict[str, float]:
    told = {"value": value, "low": low, "high": high}
    return {name: round(float(number), digits) for name, number in told.items()}
