"""How well probabilities rank and how true they are.

Letters: B rows. A row's weight says how many rows of the population it stands for.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

BINS: Final = 15
CLIP: Final = 1e-7
"""Log loss takes a probability for no closer to 0 and 1 than this: single precision's step."""

Doubles = NDArray[np.float64]
Longs = NDArray[np.int64]


def metrics(
    labels: NDArray[Any],
    probabilities: NDArray[Any],
    weights: NDArray[Any],
    users: NDArray[Any],
) -> dict[str, float]:
    """The figures of (B,) labels from 0 to 1, probabilities, weights and users' numbers.

    A label in between is that of a row which stands for positives and negatives at once.

    rows, positives: counts. rate: the weighted share of positives. log_loss, ece (weighted) are
    absent where the weights are all 0. auc: that a positive's probability is above a negative's,
    ties half; absent where there is but one class. gauc: the mean of the users' own AUCs, each
    weighted by the sum of the user's weights (Zhou et al. 2018, Deep Interest Network, section
    6.1); users with one class are left out; absent where all are. All these are NaN where a
    probability is not finite.
    """
    y, w = labels.astype(np.float64), weights.astype(np.float64)
    p = probabilities.astype(np.float64)
    told = {"rows": float(len(y)), "positives": float(np.count_nonzero(y))}
    if not w.sum() > 0:
        return told
    told["rate"] = float(np.average(y, weights=w))
    if not np.isfinite(p).all():
        return told | dict.fromkeys(("log_loss", "ece", "auc", "gauc"), np.nan)
    told |= {"log_loss": _log_loss(y, p, w), "ece": _calibration_error(y, p, w)}
    for name, groups in (("auc", np.zeros(len(y), np.int64)), ("gauc", users)):
        values, sizes, _ = grouped_aucs(y, p, w, groups)
        if len(values):
            told[name] = float(np.average(values, weights=sizes))
    return told


def roc_points(
    labels: NDArray[Any], probabilities: NDArray[Any], weights: NDArray[Any], n: int = 50
) -> list[tuple[float, float]]:
    """`n` points (false positive rate, true positive rate) of the curve, from (0, 0) to (1, 1).

    Evenly spaced by the sum of both rates. Empty where there is but one class.
    """
    order = np.argsort(-probabilities, kind="stable")
    y, p, w = labels[order].astype(np.float64), probabilities[order], weights[order]
    last = np.append(np.flatnonzero(p[1:] != p[:-1]), len(p) - 1) if len(p) else np.empty(0, int)
    true, false = np.cumsum(w * y)[last], np.cumsum(w * (1 - y))[last]
    if not len(last) or not (true[-1] > 0 and false[-1] > 0):
        return []
    rates = [np.append(0.0, counts / counts[-1]) for counts in (false, true)]
    walked = rates[0] + rates[1]
    at = np.linspace(0.0, walked[-1], n)
    return list(zip(*(np.interp(at, walked, rate).tolist() for rate in rates), strict=True))


def _log_loss(y: Doubles, p: Doubles, w: Doubles) -> float:
    return float(np.average(losses(y, p), weights=w))


def losses(y: Doubles, p: Doubles) -> Doubles:
    """(B,): the cross-entropy of labels from 0 to 1 and probabilities."""
    clipped = np.clip(p, CLIP, 1 - CLIP)
    told: Doubles = -(y * np.log(clipped) + (1 - y) * np.log(1 - clipped))
    return told


def calibration(
    labels: NDArray[Any], probabilities: NDArray[Any], weights: NDArray[Any]
) -> list[tuple[float, float, float]]:
    """(mean probability, mean label, weight) of 15 bins of about equal weight, lowest first.

    Of (B,) rows, B above 0. Rows of one probability share a bin, so that their order decides
    nothing; bins without a row are left out.
    """
    y, p, w = (values.astype(np.float64) for values in (labels, probabilities, weights))
    order = np.argsort(p, kind="stable")
    y, p, w = y[order], p[order], w[order]
    starts = _changes(p)
    mass, hits, told = (np.add.reduceat(column, starts) for column in (w, w * y, w * p))
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    bins = np.minimum((middle * BINS).astype(np.int64), BINS - 1)
    weight, hit, sure = (np.bincount(bins, column, BINS) for column in (mass, hits, told))
    some = weight > 0
    rows = np.column_stack([(sure[some] / weight[some]), (hit[some] / weight[some]), weight[some]])
    return [tuple(row) for row in rows.tolist()]


def _calibration_error(y: Doubles, p: Doubles, w: Doubles) -> float:
    """Expected calibration error: the rows' mean of |mean label - mean probability| of their bin.

    Naeini et al. 2015, over the bins of `calibration`.
    """
    gaps = [abs(observed - told) * weight for told, observed, weight in calibration(y, p, w)]
    return sum(gaps) / float(w.sum())


def grouped_aucs(
    y: Doubles, p: Doubles, w: Doubles, groups: NDArray[Any]
) -> tuple[Doubles, Doubles, NDArray[Any]]:
    """The AUC, the summed weight and the number of each group that has both classes, in order.

    (B,) labels from 0 to 1, scores, weights and numbers of groups, B above 0. A group's AUC counts,
    for each distinct score, the positives there times the negatives below and half of those beside
    them.
    """
    order = np.lexsort((p, groups))
    y, p, w, groups = y[order], p[order], w[order], groups[order]
    ties = _changes(groups, p)
    positives, negatives = np.add.reduceat(w * y, ties), np.add.reduceat(w * (1 - y), ties)
    first = _changes(groups[ties])
    below = np.cumsum(negatives) - negatives
    below -= np.repeat(below[first], np.diff(np.append(first, len(ties))))
    pairs = np.add.reduceat(positives * (below + negatives / 2), first)
    all_positives, all_negatives = (
        np.add.reduceat(counts, first) for counts in (positives, negatives)
    )
    both = (all_positives > 0) & (all_negatives > 0)
    auc = pairs[both] / (all_positives[both] * all_negatives[both])
    return auc, (all_positives + all_negatives)[both], groups[ties][first][both]


def _changes(*sorted_values: NDArray[Any]) -> Longs:
    """Where runs of equal values begin."""
    differs = np.zeros(len(sorted_values[0]), np.bool_)
    differs[0] = True
    for values in sorted_values:
        differs[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(differs)
