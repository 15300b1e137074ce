"""A bounded heap of items in compiled code, the worst at its root.

The total order: a lower score is worse; of equal scores, the greater tie.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightshelf.compiled import CACHED

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


@njit(cache=CACHED, inline="always")
def _is_worse(a: int, b: int, scores: Floats, ties: Ints) -> bool:
    if scores[a] != scores[b]:
        return bool(scores[a] < scores[b])
    return bool(ties[a] > ties[b])


@njit(cache=CACHED)
def offer(heap: Ints, length: int, item: int, scores: Floats, ties: Ints) -> int:
    """Puts the item into the heap where it is among the best; returns the heap's new length."""
    if length == len(heap):
        if length == 0 or not _is_worse(heap[0], item, scores, ties):
            return length
        heap[0] = item
        _sink(heap, length, scores, ties)
        return length
    at = length
    while at > 0 and _is_worse(item, heap[(at - 1) // 2], scores, ties):
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = item
    return length + 1


@njit(cache=CACHED)
def in_order(heap: Ints, length: int, scores: Floats, ties: Ints) -> None:
    """Sorts the heap's `length` items, the best first."""
    for last in range(length - 1, 0, -1):
        heap[0], heap[last] = heap[last], heap[0]
        _sink(heap, last, scores, ties)


@njit(cache=CACHED)
def _sink(heap: Ints, length: int, scores: Floats, ties: Ints) -> None:
    at = 0
    while 2 * at + 1 < length:
        child = 2 * at + 1
        if child + 1 < length and _is_worse(heap[child + 1], heap[child], scores, ties):
            child += 1
        if not _is_worse(heap[child], heap[at], scores, ties):
            return
        heap[at], heap[child] = heap[child], heap[at]
        at = child
