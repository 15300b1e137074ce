"""Metrics of lists: what each says of every user, as a numerator and a denominator.

Over many users a metric is the sum of the numerators by the sum of the denominators. The
denominator is 1 for a mean over users, and 0 where the metric is not defined for a user: such users
are left out, never counted as 0. Relevance is binary: a user with R relevant items has a list of
length k with h hits among its first k rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nightshelf.evaluation.judged import Floats, Judged, Longs
from nightshelf.metrics import grouped_aucs

Ratio = tuple[Floats, Floats]
Function = Callable[[Judged, int], Ratio]

SMOOTHING: Final = 0.01
"""Of `category_gap`: the share of the user's own taste in what a list is taken to show."""


@dataclass(frozen=True)
class Metric:
    """of: computes it from lists of length k. undefined: why it has no value where it has none.

    own: the denominator is what a list itself has (its hits, its rows that were shown), so that two
    lists have it over different users and rows, and their difference is none of the same users.
    """

    of: Function
    undefined: str
    own: bool = False


def precision(some: Judged, k: int) -> Ratio:
    """h / k, also for lists shorter than k."""
    return _of_judged(some, some.per_user(some.hit) / k)


def recall(some: Judged, k: int) -> Ratio:
    """h / R."""
    return _of_judged(some, _by(some.per_user(some.hit), some.wanted))


def f1(some: Judged, k: int) -> Ratio:
    """The harmonic mean of precision and recall: 2h / (k + R)."""
    return _of_judged(some, 2 * some.per_user(some.hit) / (k + some.wanted))


def hit_rate(some: Judged, k: int) -> Ratio:
    """1 where h > 0."""
    return _of_judged(some, (some.per_user(some.hit) > 0).astype(np.float64))


def ndcg(some: Judged, k: int) -> Ratio:
    """Sum over hits of 1 / log2(rank + 1), by that of min(R, k) hits at the list's head.

    Järvelin and Kekäläinen 2002.
    """
    gains = 1.0 / np.log2(np.arange(k) + 2.0)
    gain = some.per_user(np.where(some.hit, gains[some.rank - 1], 0.0))
    best = np.append(0.0, np.cumsum(gains))[np.minimum(some.wanted, k)]
    return _of_judged(some, _by(gain, best))


def average_precision(some: Judged, k: int) -> Ratio:
    """Sum over hits of the precision at their rank, by R: trec_eval's `map_cut`."""
    earlier: Longs = np.cumsum(some.hit) - some.hit
    hits = earlier - _first(some, earlier) + 1
    summed = some.per_user(np.where(some.hit, hits / some.rank, 0.0))
    return _of_judged(some, _by(summed, some.wanted))


def reciprocal_rank(some: Judged, k: int) -> Ratio:
    """1 / the first hit's rank, 0 without one."""
    best = np.zeros(some.users)
    np.maximum.at(best, some.owner[some.hit], 1.0 / some.rank[some.hit])
    return _of_judged(some, best)


def serendipity(some: Judged, k: int) -> Ratio:
    """Hits that are not among the k items that most users wanted before, by k (Ge et al. 2010)."""
    surprising = some.hit & (some.popularity > k)
    return _of_judged(some, some.per_user(surprising) / k)


def gauc(some: Judged, k: int) -> Ratio:
    """The AUC of the scores within the user's list, weighted by its length (Zhou et al. 2018).

    Of users with a hit and a row that is none.
    """
    told, weight = np.zeros(some.users), np.zeros(some.users)
    if len(some.owner):
        labels, ones = some.hit.astype(np.float64), np.ones(len(some.owner))
        aucs, sizes, which = grouped_aucs(labels, some.score, ones, some.owner)
        told[which], weight[which] = aucs * sizes, sizes
    return told, weight


def click_through(some: Judged, k: int) -> Ratio:
    """Clicks by times that rows of the lists were shown to their users."""
    return some.per_user(some.clicked), some.per_user(some.shown)


def conversion(some: Judged, k: int) -> Ratio:
    """Purchases by times that rows of the lists were shown to their users."""
    return some.per_user(some.bought), some.per_user(some.shown)


def ips_click_through(some: Judged, k: int) -> Ratio:
    """Clicks by impressions as if the lists had been shown, row r at position r, up to k.

    Inverse propensity weighting (Horvitz and Thompson 1952): clicks on what the list has in that
    place, each by the probability with which it was shown there, over all impressions.
    """
    logged = some.logged
    told = logged.position <= k
    return (
        logged.per_user(logged.clicked, told & logged.listed, some.users),
        logged.per_user(logged.shown, told, some.users),
    )


def snips_click_through(some: Judged, k: int) -> Ratio:
    """The same, over the impressions of what the list has, likewise weighted.

    Self-normalised (Swaminathan and Joachims 2015): a little biased, and much steadier.
    """
    logged = some.logged
    told = (logged.position <= k) & logged.listed
    return (
        logged.per_user(logged.clicked, told, some.users),
        logged.per_user(logged.weight, told, some.users),
    )


def diversity(some: Judged, k: int) -> Ratio:
    """The share of a list's pairs of items that are of two categories (Ziegler et al. 2005).

    Of items whose category is known, in lists with two of them.
    """
    placed = some.where(some.category >= 0)
    keys, counts = np.unique(_keys(placed.owner, placed.category), return_counts=True)
    same = np.bincount(keys >> 32, counts * (counts - 1), some.users)
    length = placed.per_user()
    pairs = length * (length - 1)
    return np.where(pairs > 0, 1 - _by(same, pairs), 0.0), (pairs > 0).astype(np.float64)


def novelty(some: Judged, k: int) -> Ratio:
    """The mean information of a list's items, in bits (Zhou et al. 2010; Castells et al. 2015)."""
    length = some.per_user()
    return _by(some.per_user(some.information), length), (length > 0).astype(np.float64)


def category_gap(some: Judged, k: int) -> Ratio:
    """How far the list's categories are from the user's own before, in nats (Steck 2018).

    The divergence of Kullback and Leibler; 0: the list shows them in the same shares.
    """
    listed, listed_shares, has_list = some.items.category_shares
    own, own_shares, has_own = some.before.category_shares
    told = has_list & has_own
    if not len(own):
        return np.zeros(some.users), np.zeros(some.users)
    shown = np.zeros(len(own))
    if len(listed):
        at = np.minimum(np.searchsorted(listed, own), len(listed) - 1)
        shown = np.where(listed[at] == own, listed_shares[at], 0.0)
    taken = (1 - SMOOTHING) * shown + SMOOTHING * own_shares
    gap = np.bincount(own >> 32, own_shares * np.log(own_shares / taken), some.users)
    return np.where(told, gap, 0.0), told.astype(np.float64)


def price_gap(some: Judged, k: int) -> Ratio:
    """|ln of the list's mean price by that of what the user wanted before|, geometric means.

    0.1: a tenth dearer or cheaper.
    """
    listed, has_list = some.items.mean_log_price
    own, has_own = some.before.mean_log_price
    told = has_list & has_own
    return np.where(told, np.abs(listed - own), 0.0), told.astype(np.float64)


_NOBODY = "no user with something to judge by"
_ONE_CLASS = "no list with both hits and rows that are none: the area is not defined"
_UNSEEN = "no row of the lists was shown afterwards, as far as the source tells"
_UNLOGGED = "no impression tells its position and the probability with which it was shown there"
_UNLOGGED_CLICKS = "no click tells its position and the probability with which it was shown there"
_UNMATCHED = f"no list has what was shown in its place, or {_UNLOGGED}"

METRICS: Final[Mapping[str, Metric]] = {
    "precision": Metric(precision, _NOBODY),
    "recall": Metric(recall, _NOBODY),
    "f1": Metric(f1, _NOBODY),
    "hit_rate": Metric(hit_rate, _NOBODY),
    "ndcg": Metric(ndcg, _NOBODY),
    "map": Metric(average_precision, _NOBODY),
    "mrr": Metric(reciprocal_rank, _NOBODY),
    "serendipity": Metric(serendipity, _NOBODY),
    "gauc": Metric(gauc, _ONE_CLASS, own=True),
    "click_through": Metric(click_through, _UNSEEN, own=True),
    "conversion": Metric(conversion, _UNSEEN, own=True),
    "ips_click_through": Metric(ips_click_through, _UNLOGGED),
    "snips_click_through": Metric(snips_click_through, _UNMATCHED, own=True),
    "diversity": Metric(diversity, "no list with two items of a known category"),
    "novelty": Metric(novelty, "no list"),
    "category_gap": Metric(category_gap, "no list and history with items of a known category"),
    "price_gap": Metric(price_gap, "no list and history with items of a known price"),
}

NEEDED: Final[Mapping[str, tuple[str, str]]] = {
    "click_through": ("click", "the source tells no click in the days that judge the lists"),
    "conversion": ("purchase", "the source tells no purchase in the days that judge the lists"),
    "ips_click_through": ("logged_click", _UNLOGGED_CLICKS),
    "snips_click_through": ("logged_click", _UNLOGGED_CLICKS),
}
"""By metric, which count of `relevant.happened` it needs, and why it has no value without any."""

OWN: Final = tuple(name for name, metric in METRICS.items() if metric.own)


def _by(numerator: NDArray[np.generic], denominator: NDArray[np.generic]) -> Floats:
    """The quotient, 0 where the denominator is."""
    n, d = numerator.astype(np.float64), denominator.astype(np.float64)
    return np.divide(n, d, out=np.zeros(len(n)), where=d > 0)


def _of_judged(some: Judged, values: Floats) -> Ratio:
    """A mean over the users who wanted anything."""
    judged = some.wanted > 0
    return np.where(judged, values, 0.0), judged.astype(np.float64)


def _first(some: Judged, values: Longs) -> Longs:
    """(N,): the value of the first row of each row's list."""
    if not len(values):
        return values
    starts = np.flatnonzero(np.append(True, some.owner[1:] != some.owner[:-1]))
    return np.repeat(values[starts], np.diff(np.append(starts, len(values))))


def _keys(owner: NDArray[np.int32], code: NDArray[np.int32]) -> Longs:
    return owner.astype(np.int64) << 32 | code
