"""The inner loop: users times items by BLAS, and the n best of every row.

BLAS multiplies in single precision, and its sums differ in the last bits with the shape of a block
and with the library. So its products only choose candidates: whatever its order of summation, it
is within `gamma * |u| * |v|` of the true product (Higham, Accuracy and Stability of Numerical
Algorithms, 2002, section 3.1), and all items that could be among the n best within that error are
kept. These, n and a few, are scored again in double precision, where products of singles are exact,
and summed in one fixed order; the result depends on nothing but the two vectors.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightshelf.compiled import CACHED

SCORES_AT_ONCE = 2**20  # 4 MiB: larger blocks multiply no faster, and leave the processor's cache
LEAST_USERS = 32  # fewer rows would read the items from memory for next to no arithmetic
LARGEST_GROUP = 32
LOWEST = float(np.finfo(np.float32).min)  # above the -inf of what was seen

Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


class Best(NamedTuple):
    """One entry a result, ordered by user and rank: rows of the users and items, rank from 1."""

    user: Longs
    rank: Ints
    item: Ints
    score: Doubles


def best_items(
    users: Singles, items: Singles, seen_bounds: Longs, seen_items: Ints, *, n: int
) -> Iterator[Best]:
    """The n best unseen items of each user by inner product, a block of users at a time.

    users (U, D), items (I, D): finite, and shorter than 2**63, so that no product overflows.
    User u has seen the items `seen_items[seen_bounds[u]:seen_bounds[u + 1]]`. Best first, ties to
    the smaller item. Takes 4 bytes times I for each user of a block, at most 4 MiB or 32 users.
    """
    at_once = max(SCORES_AT_ONCE // max(len(items), 1), LEAST_USERS)
    margins = 2 * _errors(users, items)
    scores = np.empty((min(at_once, len(users)), len(items)), np.float32)
    for start in range(0, len(users), at_once):
        block = users[start : start + at_once]
        np.matmul(block, items.T, out=scores[: len(block)])
        bounds = seen_bounds[start : start + len(block) + 1]
        found = _best(scores, block, items, margins[start : start + at_once], bounds, seen_items, n)
        yield _flat(start, *found)


def lengths(vectors: Singles) -> Doubles:
    """The Euclidean length of each row of (N, D), without overflow."""
    found: Doubles = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    return found


def _errors(users: Singles, items: Singles) -> Doubles:
    """(U,): how far off a product by BLAS may be, at most.

    Twice the bound, for rounding here and where it is used; the second term is for products too
    small for a normal float.
    """
    rank = users.shape[1] + 1
    kind = np.finfo(np.float32)
    longest = float(lengths(items).max(initial=0.0))
    return 2.0 * rank * (float(kind.epsneg) * longest * lengths(users) + float(kind.tiny))


def _flat(start: int, places: Ints, scores: Doubles, counts: Ints) -> Best:
    filled = np.arange(places.shape[1]) < counts[:, None]
    user, column = np.nonzero(filled)
    return Best(user + start, (column + 1).astype(np.int32), places[filled], scores[filled])


@njit(cache=CACHED, nogil=True)
def _best(
    products: Singles,
    users: Singles,
    items: Singles,
    margins: Doubles,
    seen_bounds: Longs,
    seen_items: Ints,
    n: int,
) -> Any:
    n_users, n_items = len(users), len(items)
    width = min(n, n_items)
    places, scores = np.empty((n_users, width), np.int32), np.empty((n_users, width), np.float64)
    counts = np.empty(n_users, np.int32)
    candidates, exact = np.empty(n_items, np.int32), np.empty(n_items, np.float64)
    for user in range(n_users):
        row = products[user]
        for q in range(seen_bounds[user], seen_bounds[user + 1]):
            row[seen_items[q]] = -np.inf
        # Comparing doubles would take half as long again; `_errors` allows for the rounding.
        least = np.float32(max(_reached_by(row, n) - margins[user], LOWEST))
        length = 0
        for item in range(n_items):
            if row[item] >= least:
                candidates[length] = item
                exact[length] = _inner(users[user], items[item])
                length += 1
        # Candidates are in the items' order: a stable sort leaves ties in it.
        order = np.argsort(-exact[:length], kind="mergesort")[:width]
        counts[user] = len(order)
        for place, at in enumerate(order):
            places[user, place] = candidates[at]
            scores[user, place] = exact[at]
    return places, scores, counts


@njit(cache=CACHED, nogil=True)
def _reached_by(row: Singles, n: int) -> float:
    """A value that at least n of the row reach, and few more; -inf where the row has no more.

    The n-th of the maxima of groups, far fewer than the row's; no two groups share an item.
    """
    if len(row) <= n:
        return -np.inf
    group = min(max(len(row) // (4 * n), 1), LARGEST_GROUP)
    groups = (len(row) + group - 1) // group
    maxima = row[:groups].copy()
    for start in range(groups, len(row), groups):
        part = row[start : start + groups]
        for i in range(len(part)):
            value = part[i]
            if value > maxima[i]:  # not max(), which minds NaN: half the speed of a vector's loop
                maxima[i] = value
    return float(np.partition(maxima, groups - n)[groups - n])


@njit(cache=CACHED, nogil=True)
def _inner(user: Singles, item: Singles) -> Any:
    """The inner product in double precision: four sums, each in order, then added."""
    a = b = c = d = np.float64(0.0)
    whole = len(user) - len(user) % 4
    for i in range(0, whole, 4):
        a += np.float64(user[i]) * np.float64(item[i])
        b += np.float64(user[i + 1]) * np.float64(item[i + 1])
        c += np.float64(user[i + 2]) * np.float64(item[i + 2])
        d += np.float64(user[i + 3]) * np.float64(item[i + 3])
    for i in range(whole, len(user)):
        a += np.float64(user[i]) * np.float64(item[i])
    return (a + b) + (c + d)
