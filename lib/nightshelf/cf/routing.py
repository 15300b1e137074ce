"""Which histories go to which block."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightshelf.compiled import CACHED

Labels = NDArray[Any]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


@njit(cache=CACHED, nogil=True)
def routed(
    indptr: Longs, items: Labels, block: Ints, wanted: int, first: int, step: int
) -> tuple[Ints, Longs]:
    """indptr and entries of the histories that touch the block `wanted`.

    block (I,): of each item. Of the users, first, first + step, first + 2 * step … are looked at.
    """
    n_users = len(indptr) - 1
    touches = np.zeros(n_users, np.bool_)
    users, size = 0, 0
    for user in range(first, n_users, step):
        for item in items[indptr[user] : indptr[user + 1]]:
            if block[item] == wanted:
                touches[user] = True
                users += 1
                size += indptr[user + 1] - indptr[user]
                break
    bounds, entries = np.zeros(users + 1, np.int32), np.empty(size, np.int64)
    at, filled = 0, 0
    for user in range(first, n_users, step):
        if touches[user]:
            for q in range(indptr[user], indptr[user + 1]):
                entries[filled] = q
                filled += 1
            at += 1
            bounds[at] = filled
    return bounds, entries
