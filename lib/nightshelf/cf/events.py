"""Events dealt to parts: what a map task does with its share of them.

An event becomes [user_id, item_id, amount, stamp]; those of a user all go to the same part.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightshelf.cf.coding import bounds, compact, encoded
from nightshelf.cf.grouping import order_of, summed
from nightshelf.cf.packed import Batches, Step, packed
from nightshelf.columns import EVENT_TS, EVENT_TYPE, ITEM, RATING, USER
from nightshelf.placement import part_keys

WEIGHT_BITS = 40  # weights are multiples of 2**-40: a year at a half-life of ten days still counts
FLUSH_BYTES = 64 * 2**20  # of events, about a million, that a map task holds before it sends them
BUSY = 50_000  # events of a user among those that a map task holds
LONGEST_PERIOD_DAYS = 365
COLUMNS = (USER, ITEM, EVENT_TYPE, EVENT_TS, RATING)

_DAY_US = 86_400_000_000

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Weighing:
    """How strongly an event speaks for its item at the end of `as_of` (UTC).

    event_weights: by event type; one that is absent weighs 0. A rating below `positive_rating`, or
    without a value, weighs 0 too (None: every rating counts). With a half-life, the weight is
    multiplied by 2 ** (-age / half-life), age counted in days to the end of `as_of`. Only the days
    after `since` up to `until` count, where given.

    Events are weighed as of the `anchor`, a day at or after `as_of` that is the same for many
    nights, so that one night's sums serve the next; multiplied by `growth` they are as of `as_of`.
    """

    as_of: date
    event_weights: Mapping[str, float]
    positive_rating: float | None = None
    half_life_days: float | None = None
    since: date | None = None
    until: date | None = None

    @property
    def anchor(self) -> date:
        """The day at whose end events are weighed, two half-lives ahead at most."""
        if self.half_life_days is None:
            return self.as_of
        period = int(min(max(2 * self.half_life_days, 1), LONGEST_PERIOD_DAYS))
        return date.fromordinal(-(-self.as_of.toordinal() // period) * period)

    @property
    def growth(self) -> float:
        """How much more an event weighs at `as_of` than at the anchor."""
        if self.half_life_days is None:
            return 1.0
        return float(2.0 ** ((self.anchor - self.as_of).days / self.half_life_days))

    def amounts(self, events: pa.Table) -> Longs:
        """(N,): the weight of each of N events as of the anchor, multiples of 2**-WEIGHT_BITS.

        0 for events without a user or an item, and for those of other days.
        """
        kinds = encoded(events.column(EVENT_TYPE))
        names = [*kinds.dictionary.to_pylist(), None]  # the last one, index -1, for null
        weight = np.array([self.event_weights.get(name, 0.0) for name in names])[kinds.indices]
        for column in (USER, ITEM):
            weight[events.column(column).is_null().to_numpy()] = 0.0
        if self.positive_rating is not None:
            rating = pc.fill_null(events.column(RATING), float("-inf")).to_numpy()
            is_rating = np.array([name == "rating" for name in names])[kinds.indices]
            weight[is_rating & ~(rating >= self.positive_rating)] = 0.0
        at = stamps(events)
        weight[at >= _end(min(self.until or self.as_of, self.as_of))] = 0.0
        if self.since is not None:
            weight[at < _end(self.since)] = 0.0
        if self.half_life_days is not None:
            age = np.maximum(_end(self.anchor) - at, 0)
            weight *= np.exp2(-age / (_DAY_US * self.half_life_days))
        return np.asarray(np.rint(weight * float(1 << WEIGHT_BITS)), np.int64)


def _end(day: date) -> int:
    """Microseconds since 1970 at the end of the day (UTC)."""
    midnight = datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1)
    return int(midnight.timestamp()) * 1_000_000


def stamps(events: pa.Table) -> Longs:
    """(N,): when each event happened, in microseconds since 1970."""
    return np.asarray(events.column(EVENT_TS).cast(pa.int64()).to_numpy())


def deal(measure: Callable[[pa.Table], tuple[Longs, Longs]], parts: int) -> Step:
    """Batches [user_id, item_id, …] -> packed tables, one a part and flush.

    `measure` gives the amounts and stamps of N events; those of amount 0 are dropped. The strings
    may be dictionaries.
    """
    keys = part_keys(parts)

    def send(held: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        events = pa.Table.from_batches(held).unify_dictionaries()
        amounts, at = measure(events)
        kept = np.flatnonzero(amounts)
        amounts, at = amounts[kept], at[kept]
        user, item = (encoded(events.column(name)) for name in (USER, ITEM))
        users, items, amounts, at = _busy_ones_added_up(
            user.indices.to_numpy()[kept], item.indices.to_numpy()[kept], amounts, at
        )
        part = _part_of(user.dictionary, parts)[users]
        order = order_of(part, parts)
        starts = bounds(part, parts)
        for key, start, end in zip(keys, starts[:-1], starts[1:], strict=True):
            if end > start:
                mine = order[start:end]
                columns = {
                    USER: compact(user.dictionary, users[mine]),
                    ITEM: compact(item.dictionary, items[mine]),
                    "amount": amounts[mine],
                    "stamp": at[mine],
                }
                yield packed(key, pa.table(columns))

    def task(batches: Batches) -> Batches:
        held: list[pa.RecordBatch] = []
        size = 0
        for batch in batches:
            held.append(batch)
            size += batch.nbytes
            if size >= FLUSH_BYTES:
                yield from send(held)
                held.clear()
                size = 0
        if held:
            yield from send(held)

    return task


def _busy_ones_added_up(
    users: Ints, items: Ints, amounts: Longs, at: Longs
) -> tuple[Ints, Ints, Longs, Longs]:
    """Events, those of users with very many added up by item: robots do not make a part larger."""
    is_busy = np.bincount(users) > BUSY
    if not is_busy.any():
        return users, items, amounts, at
    others = ~is_busy[users]
    sent = [(users[others], items[others], amounts[others], at[others])]
    for user in np.flatnonzero(is_busy):
        item, total, newest = summed(users, items, amounts, at, user, int(items.max()) + 1)
        sent.append((np.full(len(item), user, np.int32), item, total, newest))
    one, two, three, four = (np.concatenate(columns) for columns in zip(*sent, strict=True))
    return one, two, three, four


def _part_of(users: pa.Array, parts: int) -> Ints:
    """(U,): the part of each user, by a hash of the id that is the same everywhere."""
    ids = users.to_numpy(zero_copy_only=False)
    hashes = pd.util.hash_array(ids, categorize=False)
    return np.asarray(hashes % np.uint64(parts), np.int32)
