"""What a user loves as of a day: categories, brands, prices, and the newest items.

Letters: P rows asked for, N deeds (positive events), C names, B best, L newest. Rows are sorted by
user and day. A deed counts from the day on which it was done and the item's category, brand or
price was told; its weight fades from the day on which it was done.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from nightshelf.compiled import CACHED
from nightshelf.features.activity import Asked
from nightshelf.parts import Floats, Ints, Longs


@dataclass(frozen=True)
class Deeds:
    """keys, days, weights (N,): whose, when, how strongly it speaks for its item."""

    keys: Ints
    days: Ints
    weights: Floats

    def told(self, values: Floats | Ints, since: Ints, until: int, decay: Floats) -> "Told":
        """The deeds whose value (N,) was told, since a day (N,), up to the day `until`."""
        some = np.flatnonzero(since <= until)
        day = np.maximum(since, self.days)[some]
        some, day = some[day <= until], day[day <= until]
        weights = self.weights[some] * decay[day - self.days[some]]
        # Whatever is added up is in this order, so that sums are the same to the last bit.
        order = np.lexsort((weights, values[some], day, self.keys[some]))
        return Told(self.keys[some][order], day[order], values[some][order], weights[order])


@dataclass(frozen=True)
class Told:
    """keys, days, values, weights (M,): weights as of the day, from which on they count."""

    keys: Ints
    days: Ints
    values: Floats | Ints
    weights: Floats


def price_taste(asked: Asked, prices: Told, decay: Floats) -> dict[str, Floats]:
    """(P,): weighted mean and standard deviation of ln(price); NaN without a price."""
    logs = np.log(prices.values)
    mean, spread = _moments(prices.keys, prices.days, logs, prices.weights, decay)
    until = asked.rows_until(prices.keys, prices.days)
    found = until > asked.first_rows(prices.keys)
    level, about = np.full(len(asked), np.nan), np.full(len(asked), np.nan)
    level[found], about[found] = mean[until[found] - 1], spread[until[found] - 1]
    return {"price_level": level, "price_spread": about}


@njit(cache=CACHED, nogil=True)
def _moments(
    keys: Ints, days: Ints, values: Floats, weights: Floats, decay: Floats
) -> tuple[Floats, Floats]:
    """(M,): decayed mean and standard deviation of a key's values so far (West 1979)."""
    means, spreads = np.empty(len(keys)), np.empty(len(keys))
    total, mean, squares = 0.0, 0.0, 0.0
    for row in range(len(keys)):
        if row == 0 or keys[row] != keys[row - 1]:
            total, mean, squares = 0.0, values[row], 0.0
        else:
            left = decay[days[row] - days[row - 1]]
            total, squares = total * left, squares * left
        total += weights[row]
        if weights[row] > 0.0:
            off = values[row] - mean
            mean += off * (weights[row] / total)
            squares += weights[row] * off * (values[row] - mean)
        means[row] = mean
        spreads[row] = np.sqrt(max(squares / total, 0.0)) if total > 0.0 else 0.0
    return means, spreads


def favourites(
    asked: Asked, names: Told, count: int, best: int, decay: Floats
) -> tuple[Ints, Floats]:
    """(P, B): the names with most weight, best first, and their shares of all; -1 for none.

    The values of `names` count from 0 to `count` - 1 in the order that decides ties.
    """
    bounds = np.stack(
        [asked.first_rows(names.keys), asked.rows_until(names.keys, names.days)], axis=1
    )
    values = np.asarray(names.values, np.int32)
    return _favourites(bounds, names.days, values, names.weights, count, best, decay)


@njit(cache=CACHED, nogil=True)
def _favourites(
    bounds: Longs, days: Ints, values: Ints, weights: Floats, count: int, best: int, decay: Floats
) -> tuple[Ints, Floats]:
    """bounds (P, 2): where a pair's rows begin and end; pairs of one key follow each other."""
    found, shares = np.full((len(bounds), best), -1, np.int32), np.zeros((len(bounds), best))
    sums, since = np.zeros(count), np.zeros(count, np.int32)
    owner, mine = np.full(count, -1, np.int64), np.empty(count, np.int32)
    known, row, begun = 0, 0, -1
    for pair in range(len(bounds)):
        first, end = bounds[pair]
        if first == end:
            continue
        if first != begun:
            known, row, begun = 0, first, first
        while row < end:
            name = values[row]
            if owner[name] != first:
                owner[name], sums[name] = first, 0.0
                mine[known] = name
                known += 1
            else:
                sums[name] *= decay[days[row] - since[name]]
            sums[name] += weights[row]
            since[name] = days[row]
            row += 1
        # As of the newest deed: no share changes by waiting, and this one's weight is above 0.
        gone = days[end - 1] - since[mine[:known]]
        _best(mine[:known], sums[mine[:known]] * decay[gone], found[pair], shares[pair])
    return found, shares


@njit(cache=CACHED, nogil=True)
def _best(names: Ints, weights: Floats, found: Ints, shares: Floats) -> None:
    """Fills `found` with the names of most weight, the smaller of equals first."""
    total = 0.0
    for n in range(len(names)):
        total += weights[n]
        at = len(found)
        while at > 0 and (
            found[at - 1] < 0
            or weights[n] > shares[at - 1]
            or (weights[n] == shares[at - 1] and names[n] < found[at - 1])
        ):
            at -= 1
            if at + 1 < len(found):
                found[at + 1], shares[at + 1] = found[at], shares[at]
        if at < len(found):
            found[at], shares[at] = names[n], weights[n]
    for at in range(len(found)):
        shares[at] = shares[at] / total if total > 0.0 else 0.0


def newest(asked: Asked, keys: Ints, days: Ints, items: Ints, length: int) -> Longs:
    """(P, L): the rows of the newest deeds on distinct items, newest first; -1 for none.

    keys, days, items (N,): deeds from the oldest to the newest of each key.
    """
    bounds = np.stack([asked.first_rows(keys), asked.rows_until(keys, days)], axis=1)
    return np.asarray(_newest(bounds, items, int(items.max(initial=0)) + 1, length))


@njit(cache=CACHED, nogil=True)
def _newest(bounds: Longs, items: Ints, count: int, length: int) -> Longs:
    found = np.full((len(bounds), length), -1, np.int64)
    seen = np.full(count, -1, np.int64)
    for pair in range(len(bounds)):
        filled, row = 0, bounds[pair, 1] - 1
        while filled < length and row >= bounds[pair, 0]:
            if seen[items[row]] != pair:
                seen[items[row]] = pair
                found[pair, filled] = row
                filled += 1
            row -= 1
    return found
