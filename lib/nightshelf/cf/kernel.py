"""The inner loop: co-occurrence sums of a block of items with all others, and their top k.

Written for numba: plain loops over flat arrays. A history is one user's items in CSR form: items
`items[indptr[u]:indptr[u + 1]]` with as many `units`. A unit is a weight as an integer multiple of
a power of two of its item's own, chosen so that the item's vector is shorter than 2**UNIT_BITS:
products then fit 64 bits, sums are the same in any order, and whole weights lose nothing.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

UNIT_BITS = 30
SMALLEST = 2.0**-40  # similarities are multiples of it: those equal on paper are equal here

# Numba fails where it finds no place for compiled code, as in a zip on an executor without a home;
# there each worker process compiles for itself, a few seconds.
CACHED = os.access(Path(__file__).parent, os.W_OK)

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Neighbours = tuple[Ints, Ints, Ints, Floats, Longs]


def block_neighbours(
    indptr: Longs,
    items: Ints,
    units: Ints,
    *,
    lengths: Floats,
    targets: Ints,
    k: int,
    shrinkage: float,
    min_co_users: int,
) -> Neighbours:
    """(target, rank from 1, neighbour, similarity, co-users), one entry a neighbour, best first.

    indptr (U + 1,), items and units (N,): the histories of every user of a target. lengths (I,): of
    every item's vector over all users, in its units. targets (T,): distinct. Similarity: cosine
    times c / (c + shrinkage), c the co-users. Neighbours with fewer than `min_co_users` or with
    similarity 0 are left out; ties go to the smaller item. Takes 8 bytes a history entry for the
    targets' users and 24 an item, besides its arguments and 28 bytes a result.
    """
    n_items = len(lengths)
    # Most updates go to few items: side by side they stay in the processor's cache.
    of_local = np.argsort(-np.bincount(items, minlength=n_items), kind="stable").astype(np.int32)
    local = np.empty(n_items, np.int32)
    local[of_local] = np.arange(n_items, dtype=np.int32)
    one_unit = np.zeros(n_items, np.int32)
    one_unit[items] = units
    # With one weight an item (always so where all weights are 1), counting co-users is enough.
    counted = bool(np.array_equal(one_unit[items], units))
    bounds, owners, owner_units = _by_target(indptr, items, units, targets, n_items)
    found: Any = _top_k(
        indptr,
        local[items],
        units,
        local[targets],
        bounds,
        owners,
        owner_units,
        of_local,
        lengths[of_local],
        one_unit[of_local],
        counted,
        k,
        shrinkage,
        min_co_users,
    )
    return found  # type: ignore[no-any-return]


def _by_target(
    indptr: Longs, items: Ints, units: Ints, targets: Ints, n_items: int
) -> tuple[Longs, Ints, Ints]:
    """bounds (T + 1,), owners, units: target t's users are `owners[bounds[t]:bounds[t + 1]]`."""
    place = np.full(n_items, -1, np.int32)
    place[targets] = np.arange(len(targets), dtype=np.int32)
    bounds = np.zeros(len(targets) + 1, np.int64)
    places = place[items]
    np.cumsum(np.bincount(places[places >= 0], minlength=len(targets)), out=bounds[1:])
    owners, owner_units = np.empty(bounds[-1], np.int32), np.empty(bounds[-1], np.int32)
    _scatter(indptr, places, units, bounds[:-1].copy(), owners, owner_units)
    return bounds, owners, owner_units


@njit(cache=CACHED, nogil=True)
def _scatter(
    indptr: Longs, places: Ints, units: Ints, next_free: Longs, owners: Ints, owner_units: Ints
) -> None:
    for user in range(len(indptr) - 1):
        for q in range(indptr[user], indptr[user + 1]):
            if places[q] >= 0:
                at = next_free[places[q]]
                next_free[places[q]] += 1
                owners[at] = user
                owner_units[at] = units[q]


@njit(cache=CACHED, nogil=True)
def _top_k(
    indptr: Longs,
    items: Ints,
    units: Ints,
    targets: Ints,
    bounds: Longs,
    owners: Ints,
    owner_units: Ints,
    of_local: Ints,
    lengths: Floats,
    one_unit: Ints,
    counted: bool,
    k: int,
    shrinkage: float,
    min_co_users: int,
) -> Neighbours:
    n_items = len(of_local)
    sums, counts = np.zeros(n_items, np.int64), np.zeros(n_items, np.int32)
    per_length, per_count = 1.0 / lengths, one_unit.astype(np.float64)
    least_count, shrinks = max(min_co_users, 1), shrinkage > 0
    scores = np.empty(n_items, np.float64)
    width = min(k, max(n_items - 1, 0))
    best = np.empty(width, np.int32)
    size = len(targets) * width
    out_target, out_rank = np.empty(size, np.int32), np.empty(size, np.int32)
    out_item, out_similarity = np.empty(size, np.int32), np.empty(size, np.float64)
    out_count = np.empty(size, np.int64)
    filled = 0
    for t in range(len(targets)):
        target = targets[t]
        mine = slice(bounds[t], bounds[t + 1])
        if counted:
            _count(indptr, items, owners[mine], counts)
        else:
            _add(indptr, items, units, owners[mine], owner_units[mine], counts, sums)
        counts[target] = 0
        length = 0
        least = SMALLEST
        for item in range(n_items):
            count = counts[item]
            if count < least_count:
                continue
            total = count * per_count[item] * per_count[target] if counted else sums[item]
            score = total * per_length[item] * per_length[target]
            if shrinks:
                score *= count / (count + shrinkage)
            if score < least:
                continue
            scores[item] = _rounded(score)
            length = _offer(best, length, item, scores, of_local)
            if length == width and width > 0:
                least = max(scores[best[0]] - SMALLEST, SMALLEST)
        for i in range(length - 1, -1, -1):
            item = _take_worst(best, i + 1, scores, of_local)
            out_target[filled + i] = of_local[target]
            out_rank[filled + i] = i + 1
            out_item[filled + i] = of_local[item]
            out_similarity[filled + i] = scores[item]
            out_count[filled + i] = counts[item]
        filled += length
        counts[:] = 0
        sums[:] = 0
    return (
        out_target[:filled],
        out_rank[:filled],
        out_item[:filled],
        out_similarity[:filled],
        out_count[:filled],
    )


@njit(cache=CACHED, nogil=True)
def _count(indptr: Longs, items: Ints, owners: Ints, counts: Ints) -> None:
    for user in owners:
        for q in range(indptr[user], indptr[user + 1]):
            counts[items[q]] += 1


@njit(cache=CACHED, nogil=True)
def _add(
    indptr: Longs,
    items: Ints,
    units: Ints,
    owners: Ints,
    owner_units: Ints,
    counts: Ints,
    sums: Longs,
) -> None:
    for p in range(len(owners)):
        unit = np.int64(owner_units[p])
        for q in range(indptr[owners[p]], indptr[owners[p] + 1]):
            counts[items[q]] += 1
            sums[items[q]] += unit * units[q]


@njit(cache=CACHED, inline="always")
def _rounded(similarity: float) -> float:
    return float(min(np.floor(similarity / SMALLEST + 0.5) * SMALLEST, 1.0))


@njit(cache=CACHED, inline="always")
def _is_worse(a: int, b: int, scores: Floats, of_local: Ints) -> bool:
    """The total order: lower similarity is worse; of equals, the greater item."""
    if scores[a] != scores[b]:
        return bool(scores[a] < scores[b])
    return bool(of_local[a] > of_local[b])


@njit(cache=CACHED)
def _offer(heap: Ints, length: int, item: int, scores: Floats, of_local: Ints) -> int:
    """Puts the item into a bounded heap, the worst at its root; returns the heap's new length."""
    if length == len(heap):
        if length == 0 or not _is_worse(heap[0], item, scores, of_local):
            return length
        heap[0] = item
        _sink(heap, length, scores, of_local)
        return length
    at = length
    while at > 0 and _is_worse(item, heap[(at - 1) // 2], scores, of_local):
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = item
    return length + 1


@njit(cache=CACHED)
def _take_worst(heap: Ints, length: int, scores: Floats, of_local: Ints) -> int:
    """Removes the root of a heap of `length` items and returns it."""
    worst = heap[0]
    heap[0] = heap[length - 1]
    _sink(heap, length - 1, scores, of_local)
    return int(worst)


@njit(cache=CACHED)
def _sink(heap: Ints, length: int, scores: Floats, of_local: Ints) -> None:
    at = 0
    while 2 * at + 1 < length:
        child = 2 * at + 1
        if child + 1 < length and _is_worse(heap[child + 1], heap[child], scores, of_local):
            child += 1
        if not _is_worse(heap[child], heap[at], scores, of_local):
            return
        heap[at], heap[child] = heap[child], heap[at]
        at = child
