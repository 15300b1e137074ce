"""Rows that a batch touches, and their sums: what ranks exchange of a table of millions of rows."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightshelf.compiled import CACHED

Ints = NDArray[np.int32]
Singles = NDArray[np.float32]

SCANNED = 64
"""Looking at so many marks takes about as long as sorting a row."""


def compact(rows: Ints, marks: Ints) -> tuple[Ints, Ints]:
    """(touched, places): the distinct rows in order, and the place of each.

    rows (N,) from 0; marks (V,): -1 everywhere, and so again afterwards. touched (U,), places (N,):
    touched[places] == rows. In order, since memory is then read nearly as it lies.
    """
    touched = np.empty(len(rows), np.int32)
    places = np.empty(len(rows), np.int32)
    count: int = _compact(rows, marks, touched, places)
    return touched[:count].copy(), places


@njit(cache=CACHED, nogil=True)
def _compact(rows: Ints, marks: Ints, touched: Ints, places: Ints) -> int:
    count = 0
    for row in rows:
        if marks[row] < 0:
            marks[row] = 0
            touched[count] = row
            count += 1
    if len(marks) < SCANNED * count:
        count = 0
        for row in range(len(marks)):
            if marks[row] == 0:
                touched[count] = row
                count += 1
    else:
        touched[:count].sort()
    for n in range(count):
        marks[touched[n]] = n
    for n in range(len(rows)):
        places[n] = marks[rows[n]]
    for n in range(count):
        marks[touched[n]] = -1
    return count


def sums_by_place(places: Ints, values: Singles, count: int) -> Singles:
    """(count, W): the sums of values (N, W) by place, added in their order."""
    sums: Any = _sums_by_place(places, values, count)
    return sums  # type: ignore[no-any-return]


@njit(cache=CACHED, nogil=True)
def _sums_by_place(places: Ints, values: Singles, count: int) -> Singles:
    width = values.shape[1]
    sums = np.zeros((count, width), np.float32)
    for n in range(len(places)):
        place = places[n]
        for w in range(width):
            sums[place, w] += values[n, w]
    return sums
