"""The inner loop: co-occurrence sums of a block of items with all others, and their top k.

Written for numba: plain loops over flat arrays. Items are labels, the costliest first, so that the
counters most often updated lie side by side in the processor's cache. A history is one user's items
in CSR form: `items[indptr[u]:indptr[u + 1]]` with as many `units`. A unit is a component of an item
vector as an integer multiple of a power of two of the item's own, chosen so that the vector is
shorter than 2**30: products then fit 64 bits, sums are the same in any order, and whole components
lose nothing. Where all units of an item are equal, counting co-users is enough: no units then.

Labels and offsets are unsigned, since signed ones might be negative, which numba checks for each;
labels below 2**16 take two bytes. Together this doubles the speed.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightshelf.cf.heap import in_order, offer
from nightshelf.compiled import CACHED

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Labels = NDArray[Any]  # np.uint16 or np.uint32
Offsets = NDArray[np.uint64]
Floats = NDArray[np.float64]
Neighbours = tuple[Ints, Ints, Ints, Floats, Longs]

# Similarities keep 40 significant bits: those equal on paper are equal here.
_ROUNDING = float((1 << 13) + 1)
_BELOW = 1.0 - 2.0**-38


class Scoring(NamedTuple):
    """How sums become similarities, for I items.

    factors (I,): the similarity is the sum times the factors of both items. Or, where `jaccard`,
    the co-users divided by the users (I,) of either. Then it is multiplied by c / (c + shrinkage),
    c the co-users. Left out: fewer than `min_co_users`, and what isn't above 0. ties (I,): of equal
    similarities, the smaller tie is better. At most k neighbours a target.
    """

    factors: Floats
    users: Longs
    ties: Ints
    k: int
    shrinkage: float
    min_co_users: int
    jaccard: bool


class Rows(NamedTuple):
    """R rows over items in CSR form, N entries: what is added up for a target.

    Histories have units (N,), or none where co-users are counted. Partial sums over some of the
    users have counts (N,), and sums (N,) unless those are the counts.
    """

    indptr: Offsets
    items: Labels
    units: Ints
    counts: Ints
    sums: Longs


class Owners(NamedTuple):
    """Target t's rows are `rows[bounds[t]:bounds[t + 1]]`; its own units there, if any."""

    bounds: Offsets
    rows: NDArray[np.uint32]
    units: Ints


def label_type(n_items: int) -> type[np.unsignedinteger[Any]]:
    """The type of labels of so many items."""
    return np.uint16 if n_items <= 1 << 16 else np.uint32


def histories(indptr: Longs, items: Labels, units: Ints | None) -> Rows:
    """Rows of users, to be counted where there are no units."""
    none = np.empty(0, np.int32)
    offsets = indptr.astype(np.uint64)
    return Rows(offsets, items, none if units is None else units, none, np.empty(0, np.int64))


def block_neighbours(rows: Rows, targets: Ints, scoring: Scoring) -> Neighbours:
    """(target, rank from 1, neighbour, similarity, co-users), one entry a neighbour, best first.

    rows: the histories of every user of a target. targets (T,): distinct. Takes 4 bytes a history
    entry of a target (8 with units) and 28 an item, besides its arguments and 28 bytes a result.
    """
    owners = owners_of(rows, targets, len(scoring.factors))
    found: Any = top_k(rows, owners, targets, scoring, len(rows.units) == 0)
    return found  # type: ignore[no-any-return]


def owners_of(rows: Rows, targets: Ints, n_items: int) -> Owners:
    """The users of each target, in order."""
    places = np.full(n_items, -1, np.int32)
    places[targets] = np.arange(len(targets), dtype=np.int32)
    bounds, owners, units = _by_target(rows, places, len(targets))
    return Owners(bounds.astype(np.uint64), owners, units)


@njit(cache=CACHED, nogil=True)
def _by_target(rows: Rows, places: Ints, n_targets: int) -> Any:
    bounds = np.zeros(n_targets + 1, np.int64)
    for item in rows.items:
        if places[item] >= 0:
            bounds[places[item] + 1] += 1
    for t in range(n_targets):
        bounds[t + 1] += bounds[t]
    free = bounds[:-1].copy()
    owners = np.empty(bounds[n_targets], np.uint32)
    owner_units = np.empty(bounds[n_targets] if len(rows.units) else 0, np.int32)
    for row in range(len(rows.indptr) - 1):
        for q in range(rows.indptr[row], rows.indptr[row + 1]):
            place = places[rows.items[q]]
            if place >= 0:
                owners[free[place]] = row
                if len(rows.units):
                    owner_units[free[place]] = rows.units[q]
                free[place] += 1
    return bounds, owners, owner_units


@njit(cache=CACHED, nogil=True)
def top_k(rows: Rows, owners: Owners, targets: Ints, scoring: Scoring, counted: bool) -> Neighbours:
    """Adds up each target's rows and keeps its best k, as `block_neighbours` returns them."""
    n_items = len(scoring.factors)
    sums, counts = np.zeros(0 if counted else n_items, np.int64), np.zeros(n_items, np.int32)
    width = min(scoring.k, max(n_items - 1, 0))
    scores, best = np.empty(n_items, np.float64), np.empty(width, np.int32)
    found = _room(len(targets) * width)
    filled = 0
    for t in range(len(targets)):
        accumulate(rows, owners, t, counts, sums)
        counts[targets[t]] = 0
        _score(scores, counts, sums, targets[t], scoring)
        length = _best(best, scores, scoring.ties)
        filled = _write(found, filled, targets[t], best[:length], scores, counts)
        counts[:] = 0
        sums[:] = 0
    return _filled(found, filled)


@njit(cache=CACHED, nogil=True)
def best_of_rows(scores: Floats, counts: Ints, ties: Ints, k: int) -> Neighbours:
    """The k best above 0 of each row of scores (T, I), as `block_neighbours` returns them."""
    best = np.empty(min(k, scores.shape[1]), np.int32)
    found = _room(len(scores) * len(best))
    filled = 0
    for t in range(len(scores)):
        length = _best(best, scores[t], ties)
        filled = _write(found, filled, t, best[:length], scores[t], counts[t])
    return _filled(found, filled)


@njit(cache=CACHED, nogil=True)
def _room(size: int) -> Neighbours:
    target, rank = np.empty(size, np.int32), np.empty(size, np.int32)
    item, similarity = np.empty(size, np.int32), np.empty(size, np.float64)
    return target, rank, item, similarity, np.empty(size, np.int64)


@njit(cache=CACHED, nogil=True)
def _write(
    found: Neighbours, filled: int, target: int, best: Ints, scores: Floats, counts: Ints
) -> int:
    """Writes a target's best behind what is filled; returns how much is filled then."""
    of, rank, item, similarity, count = found
    for i in range(len(best)):
        of[filled + i], rank[filled + i], item[filled + i] = target, i + 1, best[i]
        similarity[filled + i], count[filled + i] = scores[best[i]], counts[best[i]]
    return filled + len(best)


@njit(cache=CACHED, nogil=True)
def _filled(found: Neighbours, filled: int) -> Neighbours:
    target, rank, item, similarity, count = found
    return target[:filled], rank[:filled], item[:filled], similarity[:filled], count[:filled]


@njit(cache=CACHED, nogil=True)
def accumulate(rows: Rows, owners: Owners, t: int, counts: Ints, sums: Longs) -> None:
    """Adds target t's rows to counts (I,) and sums (I,); to counts alone where sums is empty."""
    mine = slice(owners.bounds[t], owners.bounds[t + 1])
    if len(rows.counts):
        _merge(rows, owners.rows[mine], counts, sums)
    elif len(sums):
        _add(rows, owners.rows[mine], owners.units[mine], counts, sums)
    else:
        _count(rows.indptr, rows.items, owners.rows[mine], counts)


@njit(cache=CACHED, nogil=True)
def _count(indptr: Offsets, items: Labels, owners: Labels, counts: Ints) -> None:
    for row in owners:
        for item in items[indptr[row] : indptr[row + 1]]:
            counts[item] += 1


@njit(cache=CACHED, nogil=True)
def _add(rows: Rows, owners: Labels, owner_units: Ints, counts: Ints, sums: Longs) -> None:
    items, units = rows.items, rows.units
    for p in range(len(owners)):
        unit = np.int64(owner_units[p])
        for q in range(rows.indptr[owners[p]], rows.indptr[owners[p] + 1]):
            counts[items[q]] += 1
            sums[items[q]] += unit * units[q]


@njit(cache=CACHED, nogil=True)
def _merge(rows: Rows, owners: Labels, counts: Ints, sums: Longs) -> None:
    for row in owners:
        for q in range(rows.indptr[row], rows.indptr[row + 1]):
            counts[rows.items[q]] += rows.counts[q]
            if len(sums):
                sums[rows.items[q]] += rows.sums[q]


@njit(cache=CACHED, nogil=True)
def _score(scores: Floats, counts: Ints, sums: Longs, target: int, scoring: Scoring) -> None:
    """scores (I,): the similarities, not rounded; 0 for what is left out."""
    least = max(scoring.min_co_users, 1)
    if scoring.jaccard:
        _shares(scores, counts, scoring.users, scoring.users[target], least)
    elif len(sums):
        _products(scores, counts, sums, scoring.factors, scoring.factors[target], least)
    else:
        _products(scores, counts, counts, scoring.factors, scoring.factors[target], least)
    if scoring.shrinkage > 0:
        for item in range(len(scores)):
            scores[item] *= counts[item] / (counts[item] + scoring.shrinkage)


# No branches in these loops: the compiler makes vector instructions of them.
@njit(cache=CACHED, nogil=True, error_model="numpy")
def _products(
    scores: Floats, counts: Ints, sums: Any, factors: Floats, factor: float, least: int
) -> None:
    for item in range(len(scores)):
        product = sums[item] * factors[item] * factor
        scores[item] = product if counts[item] >= least else 0.0


@njit(cache=CACHED, nogil=True, error_model="numpy")
def _shares(scores: Floats, counts: Ints, users: Longs, of_target: int, least: int) -> None:
    for item in range(len(scores)):
        share = counts[item] / (users[item] + of_target - counts[item])
        scores[item] = share if counts[item] >= least else 0.0


@njit(cache=CACHED, nogil=True)
def _best(best: Ints, scores: Floats, ties: Ints) -> int:
    """Puts the items of the best scores above 0 in order, rounds those; returns their number."""
    length = 0
    least = 0.0
    for item in range(len(scores)):
        if scores[item] > least:
            scores[item] = _rounded(scores[item])
            length = offer(best, length, item, scores, ties)
            if length == len(best) and length > 0:
                # Somewhat less: what rounds up to the worst score may win by its tie.
                least = scores[best[0]] * _BELOW
    in_order(best, length, scores, ties)
    return length


@njit(cache=CACHED, inline="always")
def _rounded(similarity: float) -> float:
    """To 40 significant bits (the splitting of Dekker 1971)."""
    large = similarity * _ROUNDING
    return float(large - (large - similarity))
