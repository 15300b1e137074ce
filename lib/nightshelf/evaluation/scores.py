"""How well the scores of lists' rows tell what came of the rows: all rows of a segment at once.

Letters: B rows.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from nightshelf.columns import SCORE, SEGMENT, SOURCE, WEIGHT, Transform
from nightshelf.evaluation.figures import SCORED
from nightshelf.evaluation.intervals import SCHEMA, Buckets, bounds, nullable
from nightshelf.evaluation.people import ALL
from nightshelf.literals import frame_of
from nightshelf.metrics import calibration, losses, metrics, roc_points

LABEL: Final = "label"
SCALARS: Final = ("auc", "log_loss", "ece")
ROC_POINTS: Final = 21
ONE_CLASS: Final = "no positive, or no negative: the area is not defined"
NO_ROWS: Final = "of users' own lists no row was shown afterwards, or nobody wanted anything"
NO_PROBABILITIES: Final = "the scores are no probabilities: no model alone ranked the lists"

Doubles = NDArray[np.float64]
Row = tuple[str, float | None, float | None, float | None, int, str | None]


def score_means(replicates: int, unfit: str | None) -> Transform:
    """[segment, bucket, score, label, weight] -> rows of `intervals.SCHEMA`.

    n: the sum of weights. auc; log_loss and ece (15 bins of equal weight), null where the scores
    are no probabilities of the labels, and `unfit` says why. Of the segment `all` the curves too:
    true_positives@<share of false ones>, and predicted@<bin> and observed@<bin>; without a row, no
    curves, and nulls with their reason. The rows of a segment, 36 bytes each, are held by one task.
    """

    def task(rows: pa.Table) -> pa.Table:
        segment = rows.column(SEGMENT)[0].as_py()
        # In one order, however they came: sums are then the same to the last bit.
        order = [(name, "ascending") for name in ("bucket", SCORE, LABEL, WEIGHT)]
        rows = rows.filter(pc.greater(rows.column(WEIGHT), 0)).sort_by(order)
        if not len(rows):
            return _table(segment, [(name, None, None, None, 0, NO_ROWS) for name in SCALARS])
        bucket = rows.column("bucket").to_numpy()
        score, label, weight = (rows.column(name).to_numpy() for name in (SCORE, LABEL, WEIGHT))
        told = list(_scalars(bucket, score, label, weight, replicates, unfit))
        if segment == ALL:
            told.extend(_curves(score, label, weight, unfit is None))
        return _table(segment, told)

    def transform(rows: DataFrame) -> DataFrame:
        # A row that weighs nothing, so that there is a segment to tell of.
        empty = frame_of(rows.sparkSession, [(ALL, 0, 0.0, 0.0, 0.0)], SCORED)
        return rows.unionByName(empty).groupBy(SEGMENT).applyInArrow(task, SCHEMA)

    return transform


def _table(segment: str, told: Sequence[Row]) -> pa.Table:
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


def _scalars(
    bucket: NDArray[np.int32],
    score: Doubles,
    label: Doubles,
    weight: Doubles,
    replicates: int,
    unfit: str | None,
) -> Iterator[Row]:
    told = metrics(label, score, weight, np.zeros(len(label), np.int64))
    n = round(weight.sum())
    auc = told.get("auc")
    if auc is None:
        yield "auc", None, None, None, n, ONE_CLASS
    else:
        low, high = _auc_bounds(bucket, score, label, weight, auc, replicates)
        yield "auc", auc, low, high, n, None
    if unfit:
        yield "log_loss", None, None, None, n, unfit
        yield "ece", None, None, None, n, unfit
        return
    buckets = _buckets(bucket, (weight * losses(label, score))[:, None], weight[:, None])
    low, high = (float(bound[0]) for bound in bounds(buckets.drawn(replicates), buckets))
    yield "log_loss", told["log_loss"], low, high, n, None
    yield "ece", told["ece"], None, None, n, None


def _auc_bounds(
    bucket: NDArray[np.int32],
    score: Doubles,
    label: Doubles,
    weight: Doubles,
    auc: float,
    replicates: int,
) -> tuple[float, float]:
    """Of the area's linear part, a mean over positives and one over negatives.

    A positive is placed by the share of negatives below it and a negative by that of positives
    above, ties half (DeLong et al. 1988); users may have several rows (Obuchowski 1997).
    """
    _, place = np.unique(score, return_inverse=True)
    sides = np.column_stack([weight * label, weight * (1 - label)])
    positives, negatives = (np.bincount(place, side) for side in sides.T)
    below = (np.cumsum(negatives) - negatives / 2) / negatives.sum()
    above = 1 - (np.cumsum(positives) - positives / 2) / positives.sum()
    buckets = _buckets(bucket, sides * np.column_stack([below, above])[place], sides)
    drawn = buckets.drawn(replicates).sum(axis=1, keepdims=True)
    # The draws are one column of what two are counted for.
    counted = Buckets(buckets.sums, buckets.weights.sum(axis=1, keepdims=True))
    low, high = bounds((drawn - auc).clip(0, 1), counted)
    return float(low[0]), float(high[0])


def _buckets(bucket: NDArray[np.int32], values: Doubles, weights: Doubles) -> Buckets:
    """Sums of (B, M) values and weights by bucket."""
    found, place = np.unique(bucket, return_inverse=True)
    sums, counts = (
        np.column_stack([np.bincount(place, column, len(found)) for column in table.T])
        for table in (values, weights)
    )
    return Buckets(sums.astype(np.float64), counts.astype(np.float64))


def _curves(score: Doubles, label: Doubles, weight: Doubles, probabilities: bool) -> Iterator[Row]:
    n = round(weight.sum())
    points = roc_points(label, score, weight)
    if points:
        false, true = map(np.array, zip(*points, strict=True))
        for at in np.linspace(0, 1, ROC_POINTS):
            value = float(np.interp(at, false, true))
            yield f"true_positives@{at:.2f}", value, None, None, n, None
    if probabilities:
        for place, (predicted, observed, of) in enumerate(calibration(label, score, weight), 1):
            yield f"predicted@{place}", predicted, None, None, round(of), None
            yield f"observed@{place}", observed, None, None, round(of), None
