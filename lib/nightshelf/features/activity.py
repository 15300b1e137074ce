"""How much a key, a user or an item, did or met with as of a day: counts, decayed rates, recency.

Letters: P rows asked for, R rows of daily counts, T event types, W windows. Rows are sorted by key
and day. A decayed sum runs from one day with events to the next,

    sum(d) = sum(d') * 2 ** (-(d - d') / half_life) + count(d),

so that no power overflows however long the history is, and what is added up does not depend on the
days that are asked for.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow.compute as pc
from numba import njit

from nightshelf.columns import EVENT_TYPES
from nightshelf.compiled import CACHED
from nightshelf.parts import DAY, Floats, Ints, Longs, Some

TYPES: Final = tuple(kind for kind in EVENT_TYPES if kind != "search")
"""The types of events that are counted."""

POSITIVE: Final = "positive"
SINCE: Final = "since"

_OFFSET: Final = 1 << 24  # days; keeps days and windows before 1970 apart from the key


@dataclass(frozen=True)
class Asked:
    """Keys (P,) and the days (P,) as of which they are asked for, sorted by both."""

    keys: Ints
    days: Ints

    def __len__(self) -> int:
        return len(self.keys)

    def rows_until(self, keys: Ints, days: Ints, back: int = 0) -> Longs:
        """(P,): how many of the sorted rows come before the end of the day, `back` days earlier."""
        return np.searchsorted(_marks(keys, days), _marks(self.keys, self.days - back), "right")

    def first_rows(self, keys: Ints) -> Longs:
        """(P,): how many of the rows, sorted by key, belong to keys before."""
        return np.searchsorted(keys, self.keys, "left")


def _marks(keys: Ints, days: Ints) -> Longs:
    return (keys.astype(np.int64) << 32) + days + _OFFSET


@dataclass(frozen=True)
class Daily:
    """What happened to a key on a day: keys and days (R,), counts (R, T + 1).

    The last count is that of positives. One row a key and day.
    """

    keys: Ints
    days: Ints
    counts: Longs

    @classmethod
    def of(cls, some: Some) -> "Daily":
        """Rows with a column of counts for each type and for positives, added up by key and day."""
        some = some.ordered()
        days = some.array(DAY)
        changes = (np.diff(some.keys, prepend=-1) != 0) | (np.diff(days, prepend=0) != 0)
        firsts = np.flatnonzero(changes)
        columns = [some.array(kind).astype(np.int64) for kind in (*TYPES, POSITIVE)]
        counts = np.column_stack(columns)
        if len(firsts):
            counts = np.add.reduceat(counts, firsts, axis=0)
        return cls(some.keys[firsts], days[firsts], counts)


def since_days(some: Some) -> Ints:
    """(P, T): the first day on which the shop had events of each type; a far one for never."""
    lists = some.column(SINCE)
    days = pc.fill_null(lists.flatten(), np.iinfo(np.int32).max).to_numpy(zero_copy_only=False)
    return np.asarray(days.reshape(len(lists), len(TYPES)))


def decays(half_life_days: float, *days: Ints) -> Floats:
    """What is left of 1 after 0, 1, 2, … days, up to the span of all the days."""
    some = [each for each in days if len(each)]
    span = max(each.max() for each in some) - min(each.min() for each in some) if some else 0
    return np.asarray(np.exp2(-np.arange(int(span) + 1) / half_life_days))


def activity(
    asked: Asked, daily: Daily, since: Ints, windows: tuple[int, ...], decay: Floats
) -> dict[str, Floats]:
    """(P,) for each number of events by type; NaN where there is no such number.

    since (P, T): the first day on which the shop had events of the type; earlier, and where it
    never has, there are no counts.
    """
    start = asked.first_rows(daily.keys)
    until = asked.rows_until(daily.keys, daily.days)
    known = since <= asked.days[:, None]
    numbers: dict[str, Floats] = {}
    sums = np.concatenate([np.zeros((1, len(TYPES) + 1), np.int64), daily.counts.cumsum(axis=0)])
    for window in windows:
        before = np.maximum(asked.rows_until(daily.keys, daily.days, window), start)
        counts = np.where(known, (sums[until] - sums[before])[:, :-1], np.nan)
        numbers |= {f"{kind}_{window}d": counts[:, n] for n, kind in enumerate(TYPES)}
    rates, newest = _running(daily.keys, daily.days, daily.counts, decay)
    found = until > start
    last = until[found] - 1
    rate, age = np.zeros((len(asked), len(TYPES))), np.full((len(asked), len(TYPES) + 1), np.nan)
    gone = decay[asked.days[found] - daily.days[last]]
    rate[found] = rates[last, :-1] * gone[:, None]
    age[found] = asked.days[found, None] - newest[last]
    rate = np.where(known, rate, np.nan)
    numbers |= {f"{kind}_rate": rate[:, n] for n, kind in enumerate(TYPES)}
    return numbers | {f"days_since_{kind}": age[:, n] for n, kind in enumerate((*TYPES, "any"))}


@njit(cache=CACHED, nogil=True)
def _running(keys: Ints, days: Ints, counts: Longs, decay: Floats) -> tuple[Floats, Floats]:
    """(R, T + 1): decayed sums at the end of each row's day, and the newest day with a count."""
    rates, newest = np.empty(counts.shape), np.empty(counts.shape)
    for row in range(len(keys)):
        follows = row > 0 and keys[row] == keys[row - 1]
        left = decay[days[row] - days[row - 1]] if follows else 0.0
        for t in range(counts.shape[1]):
            before = rates[row - 1, t] * left if follows else 0.0
            rates[row, t] = before + counts[row, t]
            if counts[row, t] > 0:
                newest[row, t] = days[row]
            else:
                newest[row, t] = newest[row - 1, t] if follows else np.nan
    return rates, newest


def first_days(asked: Asked, keys: Ints, days: Ints) -> Floats:
    """(P,): the first of the days of a key's sorted rows; NaN where none is as of the day."""
    start = asked.first_rows(keys)
    found = asked.rows_until(keys, days) > start
    first = np.full(len(asked), np.nan)
    first[found] = days[start[found]]
    return first
