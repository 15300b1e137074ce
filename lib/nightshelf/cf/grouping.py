"""Grouping events by user and item: counting sorts in compiled code."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightshelf.compiled import CACHED

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

_NEVER = np.iinfo(np.int64).min


@njit(cache=CACHED, nogil=True)
def order_of(codes: Ints, size: int) -> Ints:
    """The stable order of N codes, counted from 0 to size - 1."""
    return _order(codes, size, np.arange(len(codes)).astype(np.int32))


@njit(cache=CACHED, nogil=True)
def _order(codes: Ints, size: int, before: Ints) -> Ints:
    """The stable order of `before` by code, counted from 0 to size - 1."""
    free = np.zeros(size + 1, np.int64)
    for code in codes:
        free[code + 1] += 1
    for code in range(size):
        free[code + 1] += free[code]
    order = np.empty(len(codes), np.int32)
    for row in before:
        order[free[codes[row]]] = row
        free[codes[row]] += 1
    return order


@njit(cache=CACHED, nogil=True)
def grouped(
    users: Ints, items: Ints, amounts: Longs, stamps: Longs, n_users: int, n_items: int
) -> tuple[Longs, Ints, Longs, Longs]:
    """CSR over users, their items in order: indptr (U + 1,), item, summed amount, newest stamp.

    users, items, amounts, stamps (N,): one entry an event, N below 2**31.
    """
    order = _order(users, n_users, order_of(items, n_items))
    indptr = np.zeros(n_users + 1, np.int64)
    item, total = np.empty(len(order), np.int32), np.empty(len(order), np.int64)
    newest = np.empty(len(order), np.int64)
    at, user = -1, -1
    for row in order:
        if users[row] != user or items[row] != item[at]:
            at += 1
            user = users[row]
            item[at], total[at], newest[at] = items[row], 0, stamps[row]
            indptr[user + 1] += 1
        total[at] += amounts[row]
        newest[at] = max(newest[at], stamps[row])
    for u in range(n_users):
        indptr[u + 1] += indptr[u]
    return indptr, item[: at + 1], total[: at + 1], newest[: at + 1]


@njit(cache=CACHED, nogil=True)
def summed(
    users: Ints, items: Ints, amounts: Longs, stamps: Longs, user: int, n_items: int
) -> tuple[Ints, Longs, Longs]:
    """Of one user's events: items in order, summed amounts, newest stamps."""
    total, newest = np.zeros(n_items, np.int64), np.full(n_items, _NEVER)
    for row in range(len(users)):
        if users[row] == user:
            total[items[row]] += amounts[row]
            newest[items[row]] = max(newest[items[row]], stamps[row])
    found = np.flatnonzero(newest != _NEVER)
    return found.astype(np.int32), total[found], newest[found]


@njit(cache=CACHED, nogil=True)
def capped(indptr: Longs, weights: Longs, last: Longs, cap: int) -> tuple[Longs, Longs]:
    """indptr (U + 1,) and entries (K,) kept: of positive weight, each user's `cap` newest of them.

    Ties go to the entry that comes first; the kept ones stay in their order.
    """
    bounds = np.zeros(len(indptr), np.int64)
    kept = np.empty(len(weights), np.int64)
    filled = 0
    for user in range(len(indptr) - 1):
        start = filled
        for q in range(indptr[user], indptr[user + 1]):
            if weights[q] > 0:
                kept[filled] = q
                filled += 1
        if filled - start > cap:
            mine = kept[start:filled].copy()
            newest = np.argsort(-last[mine], kind="mergesort")[:cap]
            filled = start + cap
            kept[start:filled] = mine[np.sort(newest)]
        bounds[user + 1] = filled
    return bounds, kept[:filled]
