"""The inner loop: co-occurrence sums of a block of items with all others, and their top k.

Written for numba: plain loops over flat arrays. A history is one user's items in CSR form: items
`items[indptr[u]:indptr[u + 1]]` with as many `units`. A unit is a weight divided by the length of
its item's vector, as an integer multiple of 2**-UNIT_BITS: a product of two units is then their
part in the cosine, and integer sums are the same in any order.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

UNIT_BITS = 30
SCALE = 2.0 ** (-2 * UNIT_BITS)

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def block_neighbours(
    indptr: Longs,
    items: Ints,
    units: Ints,
    is_target: Bools,
    *,
    k: int,
    shrinkage: float,
    min_co_users: int,
) -> tuple[Ints, Ints, Ints, Floats, Longs]:
    """(target, rank from 1, neighbour, similarity, co-users), one entry a neighbour, best first.

    indptr (U + 1,), the rest (N,): the histories of every user of a target item, and which of their
    items are targets. Similarity: cosine times c / (c + shrinkage), c the co-users. Neighbours with
    fewer than `min_co_users` or with similarity 0 are left out; ties go to the smaller item.
    """
    owners = np.repeat(np.arange(len(indptr) - 1, dtype=np.int64), np.diff(indptr))[is_target]
    of_target = items[is_target]
    order = np.argsort(of_target, kind="stable")
    targets, starts = np.unique(of_target[order], return_index=True)
    bounds = np.append(starts, len(order)).astype(np.int64)
    n_items = int(items.max()) + 1 if len(items) else 0
    local, of_local = _by_popularity(items, n_items)
    found: Any = _top_k(
        indptr,
        local[items],
        units,
        targets,
        bounds,
        owners[order],
        units[is_target][order],
        of_local,
        k,
        shrinkage,
        min_co_users,
    )
    return found  # type: ignore[no-any-return]


def _by_popularity(items: Ints, n_items: int) -> tuple[Ints, Ints]:
    """item -> place and place -> item, the most frequent item first.

    Most updates go to few items: side by side they stay in the processor's cache.
    """
    counts = np.bincount(items, minlength=n_items)
    of_local = np.argsort(-counts, kind="stable").astype(np.int32)
    local = np.empty(n_items, dtype=np.int32)
    local[of_local] = np.arange(n_items, dtype=np.int32)
    return local, of_local


@njit(cache=True, nogil=True)
def _top_k(
    indptr: Longs,
    items: Ints,
    units: Ints,
    targets: Ints,
    bounds: Longs,
    owners: Longs,
    owner_units: Ints,
    of_local: Ints,
    k: int,
    shrinkage: float,
    min_co_users: int,
) -> tuple[Ints, Ints, Ints, Floats, Longs]:
    n_items = len(of_local)
    sums = np.zeros(n_items, np.int64)
    counts = np.zeros(n_items, np.int32)
    touched = np.empty(n_items, np.int32)
    width = min(k, max(n_items - 1, 0))
    best = np.empty(width, np.int32)
    scores = np.empty(n_items, np.float64)
    size = len(targets) * width
    out_target = np.empty(size, np.int32)
    out_rank = np.empty(size, np.int32)
    out_item = np.empty(size, np.int32)
    out_similarity = np.empty(size, np.float64)
    out_count = np.empty(size, np.int64)
    filled = 0
    for t in range(len(targets)):
        here = slice(bounds[t], bounds[t + 1])
        n_touched = _accumulate(
            indptr, items, units, owners[here], owner_units[here], sums, counts, touched
        )
        length = 0
        for i in range(n_touched):
            item = touched[i]
            count = counts[item]
            if of_local[item] != targets[t] and count >= min_co_users and sums[item] > 0:
                scores[item] = sums[item] * SCALE * (count / (count + shrinkage))
                length = _offer(best, length, item, scores, of_local)
        for i in range(length - 1, -1, -1):
            item = _take_worst(best, i + 1, scores, of_local)
            out_target[filled + i] = targets[t]
            out_rank[filled + i] = i + 1
            out_item[filled + i] = of_local[item]
            out_similarity[filled + i] = scores[item]
            out_count[filled + i] = counts[item]
        filled += length
        for i in range(n_touched):
            sums[touched[i]] = 0
            counts[touched[i]] = 0
    return (
        out_target[:filled],
        out_rank[:filled],
        out_item[:filled],
        out_similarity[:filled],
        out_count[:filled],
    )


@njit(cache=True)
def _accumulate(
    indptr: Longs,
    items: Ints,
    units: Ints,
    owners: Longs,
    owner_units: Ints,
    sums: Longs,
    counts: Ints,
    touched: Ints,
) -> int:
    """Adds the histories of one target's users to the counters; returns the items touched."""
    n_touched = 0
    for p in range(len(owners)):
        unit = np.int64(owner_units[p])
        for q in range(indptr[owners[p]], indptr[owners[p] + 1]):
            item = items[q]
            if counts[item] == 0:
                touched[n_touched] = item
                n_touched += 1
            counts[item] += 1
            sums[item] += unit * units[q]
    return n_touched


@njit(cache=True, inline="always")
def _is_worse(a: int, b: int, scores: Floats, of_local: Ints) -> bool:
    """The total order: lower similarity is worse; of equals, the greater item."""
    if scores[a] != scores[b]:
        return bool(scores[a] < scores[b])
    return bool(of_local[a] > of_local[b])


@njit(cache=True)
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


@njit(cache=True)
def _take_worst(heap: Ints, length: int, scores: Floats, of_local: Ints) -> int:
    """Removes the root of a heap of `length` items and returns it."""
    worst = heap[0]
    heap[0] = heap[length - 1]
    _sink(heap, length - 1, scores, of_local)
    return int(worst)


@njit(cache=True)
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
