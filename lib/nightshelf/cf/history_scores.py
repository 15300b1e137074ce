"""The inner loop of scoring: a history times similarities, and its n best.

Similarities are added up in one row of scores a user; only what was touched is looked at and
cleared, so that a user costs what their history does, not what the catalogue does.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightshelf.cf.heap import in_order, offer
from nightshelf.compiled import CACHED

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]


class Matrix(NamedTuple):
    """CSR: row r has columns[indptr[r]:indptr[r + 1]] with as many values; column -1 is none."""

    indptr: Longs
    columns: Ints
    values: Floats


class _Sums(NamedTuple):
    """Of each candidate: the score so far, the most that a seed added, and which one; -1: none."""

    scores: Floats
    most: Floats
    seeds: Ints


def top_n(
    histories: Matrix, similarities: Matrix, seen_rows: Ints, seen: Matrix, candidates: int, n: int
) -> tuple[Ints, Ints, Ints, Floats, Ints]:
    """(user, rank, candidate, score, seed), one entry a result, ordered by user and rank.

    histories (U, S), similarities (S, C), seen (V, C), seen_rows (U,): the user's row of `seen`, or
    -1. At most n candidates a user, of a score above 0, ties to the smaller; seed: the column of
    the history that added most, the first of equal ones.
    """
    found: Any = _top_n(histories, similarities, seen_rows, seen, candidates, n)
    return found  # type: ignore[no-any-return]


@njit(cache=CACHED, nogil=True)
def _top_n(
    histories: Matrix, similarities: Matrix, seen_rows: Ints, seen: Matrix, candidates: int, n: int
) -> tuple[Ints, Ints, Ints, Floats, Ints]:
    users, width = len(histories.indptr) - 1, min(n, candidates)
    user_of, rank = np.empty(users * width, np.int32), np.empty(users * width, np.int32)
    item, seed = np.empty(users * width, np.int32), np.empty(users * width, np.int32)
    score = np.empty(users * width, np.float64)
    sums = _Sums(np.zeros(candidates), np.zeros(candidates), np.full(candidates, -1, np.int32))
    ties = np.arange(candidates).astype(np.int32)
    touched, best = np.empty(candidates, np.int32), np.empty(width, np.int32)
    filled = 0
    for user in range(users):
        count = _add_up(histories, similarities, user, sums, touched)
        if seen_rows[user] >= 0:
            _drop(seen, seen_rows[user], sums.scores)
        length = 0
        for candidate in touched[:count]:
            if sums.scores[candidate] > 0:
                length = offer(best, length, candidate, sums.scores, ties)
        in_order(best, length, sums.scores, ties)
        for i in range(length):
            user_of[filled], rank[filled], item[filled] = user, i + 1, best[i]
            score[filled], seed[filled] = sums.scores[best[i]], sums.seeds[best[i]]
            filled += 1
        for candidate in touched[:count]:
            sums.scores[candidate], sums.seeds[candidate] = 0.0, -1
    return user_of[:filled], rank[:filled], item[:filled], score[:filled], seed[:filled]


@njit(cache=CACHED, nogil=True)
def _add_up(histories: Matrix, similarities: Matrix, user: int, sums: _Sums, touched: Ints) -> int:
    """Adds the user's history to the sums; returns how many candidates it touched."""
    count = 0
    for q in range(histories.indptr[user], histories.indptr[user + 1]):
        seed, weight = histories.columns[q], histories.values[q]
        if seed < 0:
            continue
        for e in range(similarities.indptr[seed], similarities.indptr[seed + 1]):
            candidate, added = similarities.columns[e], weight * similarities.values[e]
            if sums.seeds[candidate] < 0:
                touched[count] = candidate
                count += 1
            if sums.seeds[candidate] < 0 or added > sums.most[candidate]:
                sums.seeds[candidate], sums.most[candidate] = seed, added
            sums.scores[candidate] += added
    return count


@njit(cache=CACHED, nogil=True)
def _drop(seen: Matrix, row: int, scores: Floats) -> None:
    for candidate in seen.columns[seen.indptr[row] : seen.indptr[row + 1]]:
        if candidate >= 0:
            scores[candidate] = 0.0
