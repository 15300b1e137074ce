"""How far a distribution has moved from another one."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from scipy.special import rel_entr

BINS: Final = 10
LEAST_SHARE: Final = 1e-4
"""An empty bin counts as so much: the logarithm of nothing is not a number."""

Shares = NDArray[np.float64]


def psi(expected: Sequence[float] | Shares, found: Sequence[float] | Shares) -> float:
    """Population stability index of two histograms over the same bins; counts or shares.

    Below 0.1 is told to be stable and above 0.25 to have moved (Siddiqi, Credit Risk Scorecards,
    2006). Raises ValueError where one of them is empty.
    """
    before, now = _shares(expected), _shares(found)
    return float(np.sum((now - before) * np.log(now / before)))


def divergence(expected: Sequence[float] | Shares, found: Sequence[float] | Shares) -> float:
    """That of Jensen and Shannon in bits (Lin 1991), of histograms over the same values.

    From 0, the same shares, to 1, no value in common. Raises ValueError where one is empty.
    """
    before, now = (np.asarray(counts, np.float64) for counts in (expected, found))
    if not before.sum() or not now.sum():
        raise ValueError("no share of an empty histogram")
    sides = before / before.sum(), now / now.sum()
    middle = (sides[0] + sides[1]) / 2
    return float(sum(rel_entr(side, middle).sum() for side in sides) / 2 / np.log(2))


def psi_of(column: str, expected: DataFrame, found: DataFrame) -> float:
    """PSI of a numeric column, over the deciles that it has in `expected`. Runs at once.

    Raises ValueError where one of the frames is empty.
    """
    deciles = [n / BINS for n in range(1, BINS)]
    edges = sorted(set(expected.approxQuantile(column, deciles, 0.001)))
    before, now = (_histogram(frame, column, edges) for frame in (expected, found))
    return psi(before, now)


def _histogram(frame: DataFrame, column: str, edges: Sequence[float]) -> Shares:
    """Rows up to the first edge, between each two, and above the last."""
    above: list[Column] = [F.count_if(F.col(column) > edge) for edge in edges]
    row: Any = frame.agg(F.count(column), *above).first()
    counts: Shares = -np.diff(np.array([*row, 0], np.float64))
    return counts


def _shares(histogram: Sequence[float] | Shares) -> Shares:
    counts = np.asarray(histogram, np.float64)
    if not counts.sum():
        raise ValueError("no share of an empty histogram")
    shares: Shares = np.maximum(counts / counts.sum(), LEAST_SHARE)
    return shares
