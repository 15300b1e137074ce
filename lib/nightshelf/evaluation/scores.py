"""How well the scores of lists' rows tell what came of the rows: all rows of a segment at once.

Letters: B rows.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import rankdata

from nightshelf.columns import SCORE, SEGMENT, SOURCE, Transform
from nightshelf.evaluation.intervals import SCHEMA, Buckets, bounds, nullable
from nightshelf.evaluation.people import ALL
from nightshelf.metrics import CLIP, calibration, metrics, roc_points

LABEL: Final = "label"
SCALARS: Final = ("auc", "log_loss", "ece")
ROC_POINTS: Final = 21
ONE_CLASS: Final = "no positive, or no negative: the area is not defined"
NO_PROBABILITIES: Final = "the scores are no probabilities: no model alone ranked the lists"

Doubles = NDArray[np.float64]
Row = tuple[str, float | None, float | None, float | None, int, str | None]


def score_means(replicates: int, probabilities: bool) -> Transform:
    """[segment, bucket, score, label] -> [metric, source, segment, value, low, high, n, why].

    auc; log_loss and ece (15 bins of equal weight), where the scores are probabilities. Of the
    segment `all` the curves too: true_positives@<share of false ones>, and predicted@<bin> and
    observed@<bin>. The rows of a segment, 28 bytes each, are held by one task.
    """

    def task(rows: pa.Table) -> pa.Table:
        segment = rows.column(SEGMENT)[0].as_py()
        bucket, score, label = (rows.column(name).to_numpy() for name in ("bucket", SCORE, LABEL))
        told = list(_scalars(bucket, score, label, replicates, probabilities))
        if segment == ALL:
            told.extend(_curves(score, label, probabilities))
        names, values, lows, highs, counts, whys = zip(*told, strict=True)
        return pa.table(
            {
                "metric": pa.array(names, pa.string()),
                SOURCE: pa.array([ALL] * len(told), pa.string()),
                SEGMENT: pa.array([segment] * len(told), pa.string()),
                "value": nullable(np.array(values, np.float64)),
                "low": nullable(np.array(lows, np.float64)),
                "high": nullable(np.array(highs, np.float64)),
                "n": pa.array(counts, pa.int64()),
                "why": pa.array(whys, pa.string()),
            }
        )

    return lambda rows: rows.groupBy(SEGMENT).applyInArrow(task, SCHEMA)


def _scalars(
    bucket: NDArray[np.int32], score: Doubles, label: Doubles, replicates: int, probabilities: bool
) -> Iterator[Row]:
    ones = np.ones(len(label))
    told = metrics(label, score, ones, np.zeros(len(label), np.int64))
    n = len(label)
    auc = told.get("auc")
    if auc is None:
        yield "auc", None, None, None, n, ONE_CLASS
    else:
        low, high = _auc_bounds(bucket, score, label, auc, replicates)
        yield "auc", auc, low, high, n, None
    if not probabilities:
        yield "log_loss", None, None, None, n, NO_PROBABILITIES
        yield "ece", None, None, None, n, NO_PROBABILITIES
        return
    clipped = np.clip(score, CLIP, 1 - CLIP)
    losses = -np.log(np.where(label > 0, clipped, 1 - clipped))
    drawn = _buckets(bucket, losses[:, None], ones[:, None]).drawn(replicates)
    low, high = (float(bound[0]) for bound in bounds(drawn))
    yield "log_loss", told["log_loss"], low, high, n, None
    yield "ece", told["ece"], None, None, n, None


def _auc_bounds(
    bucket: NDArray[np.int32], score: Doubles, label: Doubles, auc: float, replicates: int
) -> tuple[float, float]:
    """Of the area's linear part, a mean over positives and one over negatives.

    A positive is placed by the share of negatives below it and a negative by that of positives
    above, ties half (DeLong et al. 1988); users may have several rows (Obuchowski 1997).
    """
    is_positive = label > 0
    positives, negatives = np.count_nonzero(is_positive), np.count_nonzero(~is_positive)
    overall = rankdata(score)
    own = np.empty(len(score))
    own[is_positive], own[~is_positive] = (
        rankdata(score[is_positive]),
        rankdata(score[~is_positive]),
    )
    below = overall - own
    placed = np.where(is_positive, below / negatives, 1 - below / positives)
    sides = np.column_stack([is_positive, ~is_positive]).astype(np.float64)
    drawn = _buckets(bucket, placed[:, None] * sides, sides).drawn(replicates)
    low, high = bounds((drawn.sum(axis=1, keepdims=True) - auc).clip(0, 1))
    return float(low[0]), float(high[0])


def _buckets(bucket: NDArray[np.int32], values: Doubles, weights: Doubles) -> Buckets:
    """Sums of (B, M) values and weights by bucket."""
    found, place = np.unique(bucket, return_inverse=True)
    sums, counts = (
        np.column_stack([np.bincount(place, column, len(found)) for column in table.T])
        for table in (values, weights)
    )
    return Buckets(sums.astype(np.float64), counts.astype(np.float64))


def _curves(score: Doubles, label: Doubles, probabilities: bool) -> Iterator[Row]:
    ones, n = np.ones(len(label)), len(label)
    points = roc_points(label, score, ones)
    if points:
        false, true = map(np.array, zip(*points, strict=True))
        for at in np.linspace(0, 1, ROC_POINTS):
            value = float(np.interp(at, false, true))
            yield f"true_positives@{at:.2f}", value, None, None, n, None
    if probabilities:
        for place, (predicted, observed, weight) in enumerate(calibration(label, score, ones), 1):
            yield f"predicted@{place}", predicted, None, None, int(weight), None
            yield f"observed@{place}", observed, None, None, int(weight), None
