"""Means with their intervals, from sums of buckets of users.

The bootstrap (Efron 1979) over buckets instead of users: a bucket holds users by a hash of their
ids, so that buckets differ by chance alone, and a mean varies between draws of buckets as it does
between draws of users. A draw is a product of small matrices, for any number of users.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nightshelf.columns import SEGMENT, SOURCE, Transform
from nightshelf.evaluation.figures import are_paired, names
from nightshelf.evaluation.list_metrics import METRICS
from nightshelf.evaluation.people import ALL, BITS

LOW, HIGH = 0.025, 0.975
SEED: Final = 1
SCHEMA: Final = (
    f"metric string, {SOURCE} string, {SEGMENT} string, value double, low double, high double, "
    "n bigint, why string"
)

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Untold = Mapping[str, str]
"""By metric, why it has no value: the source tells nothing of what it counts."""


@dataclass(frozen=True)
class Buckets:
    """Sums of B buckets and M metrics: numerators (B, M) and denominators (B, M)."""

    sums: Floats
    weights: Floats

    @classmethod
    def of(cls, rows: pa.Table) -> "Buckets":
        """Rows [bucket, sums, weights], of which several may be of one bucket."""
        bucket = rows.column("bucket").to_numpy()
        found, place = np.unique(bucket, return_inverse=True)
        added = []
        for name in ("sums", "weights"):
            values = rows.column(name).combine_chunks().flatten().to_numpy().reshape(len(place), -1)
            total = np.zeros((len(found), values.shape[1]), np.int64)
            np.add.at(total, place, values)
            added.append(total.astype(np.float64))
        sums, weights = (total / float(1 << BITS) for total in added)
        return cls(sums, weights)

    def means(self) -> Floats:
        """(M,): NaN where nothing was counted."""
        return _quotient(self.sums.sum(axis=0), self.weights.sum(axis=0))

    def drawn(self, replicates: int) -> Floats:
        """(R, M): means of as many buckets, drawn anew; for the same B the same draws."""
        size = len(self.sums)
        rng = np.random.default_rng(SEED)
        draws = rng.multinomial(size, np.full(size, 1 / size), replicates).astype(np.float64)
        return _quotient(draws @ self.sums, draws @ self.weights)

    def where(self, metrics: Bools) -> "Buckets":
        """As if of the other metrics (M,) nothing had been counted."""
        return replace(self, weights=self.weights * metrics)


def bounds(drawn: Floats, *drawn_from: Buckets) -> tuple[Floats, Floats]:
    """(M,) and (M,): where the middle 95 % of the draws (R, M) begin and end.

    NaN where fewer than two buckets, of which the draws are, have anything to count.
    """
    low, high = np.full((2, drawn.shape[1]), np.nan)
    counted = np.any([buckets.weights > 0 for buckets in drawn_from], axis=0)
    some = (np.count_nonzero(counted, axis=0) > 1) & ~np.isnan(drawn).all(axis=0)
    if some.any():
        low[some], high[some] = np.nanquantile(drawn[:, some], (LOW, HIGH), axis=0)
    return low, high


def means(ks: Sequence[int], replicates: int, untold: Untold) -> Transform:
    """[sums of `figures`] -> [metric, source, segment, value, low, high, n, why].

    n: what the mean is over, the rounded sum of the denominators of `list_metrics`. low and high
    hold the middle 95 % of so many draws, null where all that count are in one bucket. value is
    null where the metric is not defined or untold, and `why` says so; of a source's rows such
    metrics are left out.
    """

    def task(rows: pa.Table) -> pa.Table:
        source, segment = (rows.column(name)[0].as_py() for name in (SOURCE, SEGMENT))
        metrics = names(ks, source)
        found = Buckets.of(rows)
        buckets = found.where(_are_told(metrics, untold))
        values, counts = buckets.means(), buckets.weights.sum(axis=0)
        low, high = bounds(buckets.drawn(replicates), buckets)
        kept = np.flatnonzero((counts > 0) | (source == ALL))
        is_found = found.weights.sum(axis=0) > 0
        whys = [None if counts[n] else _why(metrics[n], untold, is_found[n]) for n in kept]
        return pa.table(
            {
                "metric": pa.array([metrics[n] for n in kept], pa.string()),
                SOURCE: pa.array([source] * len(kept), pa.string()),
                SEGMENT: pa.array([segment] * len(kept), pa.string()),
                "value": nullable(values[kept]),
                "low": nullable(low[kept]),
                "high": nullable(high[kept]),
                "n": np.rint(counts[kept]).astype(np.int64),
                "why": pa.array(whys, pa.string()),
            }
        )

    return lambda sums: sums.groupBy(SOURCE, SEGMENT).applyInArrow(task, SCHEMA)


DIFFERENCES: Final = (
    f"metric string, {SOURCE} string, {SEGMENT} string, a double, b double, difference double, "
    "low double, high double, n bigint"
)


def differences(ks: Sequence[int], replicates: int, untold: Untold) -> Transform:
    """[sums of `figures` and `is_b`] -> [metric, source, segment, a, b, difference, low, high, n].

    Of the lists `a` (`is_b` false) and `b`, judged by the same users: b - a, and the middle 95 % of
    the differences of the same draws. Metrics that are untold or not defined for both are left
    out, and those that each list has over its own hits or rows. n: what the mean of b is over.
    """

    def task(rows: pa.Table) -> pa.Table:
        source, segment = (rows.column(name)[0].as_py() for name in (SOURCE, SEGMENT))
        metrics = names(ks, source)
        a, b = paired(rows, len(metrics))
        values, others = a.means(), b.means()
        low, high = bounds(b.drawn(replicates) - a.drawn(replicates), a, b)
        told = ~np.isnan(values) & ~np.isnan(others) & _are_told(metrics, untold)
        kept = np.flatnonzero(told & are_paired(ks, source))
        return pa.table(
            {
                "metric": pa.array([metrics[n] for n in kept], pa.string()),
                SOURCE: pa.array([source] * len(kept), pa.string()),
                SEGMENT: pa.array([segment] * len(kept), pa.string()),
                "a": values[kept],
                "b": others[kept],
                "difference": (others - values)[kept],
                "low": nullable(low[kept]),
                "high": nullable(high[kept]),
                "n": np.rint(b.weights.sum(axis=0)[kept]).astype(np.int64),
            }
        )

    return lambda sums: sums.groupBy(SOURCE, SEGMENT).applyInArrow(task, DIFFERENCES)


def paired(rows: pa.Table, metrics: int) -> tuple[Buckets, Buckets]:
    """The sums of both, over all buckets that either has: bucket by bucket the same users."""
    every = np.unique(rows.column("bucket").to_numpy())
    is_b = rows.column("is_b").to_numpy(zero_copy_only=False)
    found = []
    for side in (~is_b, is_b):
        some = rows.filter(pa.array(side))
        place = np.searchsorted(every, np.unique(some.column("bucket").to_numpy()))
        told = Buckets.of(some) if len(some) else None
        sums, weights = np.zeros((2, len(every), metrics))
        if told:
            sums[place], weights[place] = told.sums, told.weights
        found.append(Buckets(sums, weights))
    return found[0], found[1]


def _are_told(metrics: Sequence[str], untold: Untold) -> Bools:
    return np.array([metric.partition("@")[0] not in untold for metric in metrics])


def _why(metric: str, untold: Untold, is_found: bool) -> str:
    """Of a metric without a value; `is_found`: whether there is what it would be over."""
    name = metric.partition("@")[0]
    return untold[name] if is_found else METRICS[name].undefined


def _quotient(numerator: Floats, denominator: Floats) -> Floats:
    empty = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)


def nullable(values: Floats) -> pa.Array:
    """The values, null where they are NaN."""
    return pa.array(values, pa.float64(), from_pandas=True)
