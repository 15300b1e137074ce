"""From events to the histories of users, packed.

One row an event goes in; out comes a packed frame whose tables have a row a user:

    user_id  string
    items    list<dictionary<string>>  distinct, by id
    weights  list<int64>               in multiples of 2**-WEIGHT_BITS, above 0
    last     list<int64>               time of the pair's newest event, in microseconds since 1970

Map tasks deal events to parts by a hash of the user and encode them; after one shuffle of packed
tables each part groups its events by user and item with two counting sorts. Weights are added as
integers, so that neither the order of events nor the number of parts changes a result.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.cf.grouping import capped, grouped
from nightshelf.cf.packed import (
    SCHEMA,
    Batches,
    Step,
    exchange,
    gathered,
    lists,
    packed,
    part_keys,
    tables,
)
from nightshelf.columns import EVENT_TS, EVENT_TYPE, ITEM, LAST_TS, USER, WEIGHT, Transform

SECONDS_A_DAY = 86_400.0
WEIGHT_BITS = 40  # weights are multiples of 2**-40: a year at a half-life of ten days still counts
ROWS_A_PART = 4_000_000  # events that one task groups, about 100 bytes each
FLUSH_BYTES = 64 * 2**20  # of events, about a million, that a map task holds before it sends them

_AMOUNT, _STAMP = "amount", "stamp"


@dataclass(frozen=True)
class Histories:
    """The histories of U users in CSR form: N pairs.

    users (U,) and ids (I,) strings, the ids sorted. User u's entries go from indptr[u] to
    indptr[u + 1]: items (N,) index ids; weights (N,) are multiples of 2**-WEIGHT_BITS; last (N,)
    microseconds.
    """

    users: pa.Array
    ids: pa.Array
    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    weights: NDArray[np.int64]
    last: NDArray[np.int64]

    @classmethod
    def of(cls, table: pa.Table) -> "Histories":
        """A table of a packed frame, without copying its entries."""
        users, items, weights, last = (column.combine_chunks() for column in table.columns)
        entries = items.flatten()
        return cls(
            users,
            entries.dictionary,
            items.offsets.to_numpy().astype(np.int64),
            entries.indices.to_numpy(),
            weights.flatten().to_numpy(),
            last.flatten().to_numpy(),
        )

    def table(self) -> pa.Table:
        """The table of a packed frame."""
        columns = {
            "items": pa.DictionaryArray.from_arrays(pa.array(self.items), self.ids),
            "weights": self.weights,
            "last": self.last,
        }
        return pa.table({USER: self.users, **lists(self.indptr.astype(np.int32), columns)})

    def owners(self) -> NDArray[np.int32]:
        """(N,): the user of each entry."""
        return np.repeat(np.arange(len(self.users), dtype=np.int32), np.diff(self.indptr))


def parts_for(rows: int, cores: int) -> int:
    """Into how many parts so many events are dealt: no more than a task can group, one a core."""
    return max(cores, -(-rows // ROWS_A_PART))


def from_events(
    *,
    as_of: date,
    event_weights: Mapping[str, float],
    half_life_days: float | None,
    max_items_per_user: int,
    parts: int,
    binary: bool = False,
) -> Transform:
    """[user_id, item_id, event_type, event_ts] -> packed histories.

    A user's items are those with an event of positive weight up to the end of `as_of` (UTC).
    Weight: the sum over the pair's events of the type's weight times 2 ** (-age / half-life), age
    counted in days to the end of `as_of` (None: no decay); 1 for every pair where `binary`. Of each
    user only the newest `max_items_per_user` items are kept, ties by item_id.
    """

    def transform(events: DataFrame) -> DataFrame:
        end = F.lit(as_of + timedelta(days=1)).cast("timestamp")
        kind = F.coalesce(
            *(F.when(F.col(EVENT_TYPE) == k, F.lit(w)) for k, w in event_weights.items()),
            F.lit(0.0),
        )
        age_days = (end.cast("double") - F.col(EVENT_TS).cast("double")) / SECONDS_A_DAY
        decay = (
            F.lit(1.0) if half_life_days is None else F.pow(F.lit(2.0), -age_days / half_life_days)
        )
        wanted = events.where(F.col(ITEM).isNotNull() & (kind > 0) & (F.col(EVENT_TS) < end))
        return _packed(
            wanted, kind * decay, F.unix_micros(EVENT_TS), parts, max_items_per_user, binary
        )

    return transform


def from_pairs(parts: int) -> Transform:
    """[user_id, item_id, weight] -> packed histories; weights of a repeated pair add up."""

    def transform(pairs: DataFrame) -> DataFrame:
        return _packed(pairs, F.col(WEIGHT), F.lit(0).cast("bigint"), parts, None, False)

    return transform


def to_pairs(histories: DataFrame) -> DataFrame:
    """Packed histories -> [user_id, item_id, weight, last_ts], one row a pair."""

    def rows(batches: Batches) -> Batches:
        for _, table in tables(batches):
            some = Histories.of(table)
            yield pa.RecordBatch.from_arrays(
                [
                    some.users.take(pa.array(some.owners())),
                    some.ids.take(pa.array(some.items)),
                    pa.array(some.weights * 2.0**-WEIGHT_BITS),
                    pa.array(some.last),
                ],
                [USER, ITEM, WEIGHT, LAST_TS],
            )

    pairs = histories.mapInArrow(
        rows, f"{USER} string, {ITEM} string, {WEIGHT} double, {LAST_TS} bigint"
    )
    return pairs.select(USER, ITEM, WEIGHT, F.timestamp_micros(LAST_TS).alias(LAST_TS))


def _packed(
    rows: DataFrame, weight: Column, stamp: Column, parts: int, cap: int | None, binary: bool
) -> DataFrame:
    amount = F.round(weight * float(1 << WEIGHT_BITS)).cast("bigint")
    part = F.pmod(F.hash(USER), F.lit(parts)).cast("short")
    sent = rows.select(
        part.alias("part"), USER, ITEM, amount.alias(_AMOUNT), stamp.alias(_STAMP)
    ).mapInArrow(_deal(part_keys(parts)), SCHEMA)
    return exchange(sent, parts).mapInArrow(_gather(cap, binary), SCHEMA)


def _deal(keys: list[int]) -> Step:
    """Rows -> packed tables of rows, one a part and flush."""

    def send(held: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        table = pa.Table.from_batches(held).combine_chunks()
        part = table.column("part").to_numpy()
        table = table.drop_columns("part").take(pa.array(np.argsort(part, kind="stable")))
        bounds = np.concatenate([[0], np.cumsum(np.bincount(part, minlength=len(keys)))])
        for key, start, end in zip(keys, bounds[:-1], bounds[1:], strict=True):
            if end > start:
                user, item, *numbers = table.slice(start, end - start).combine_chunks().columns
                yield packed(
                    key,
                    pa.table(
                        [user.dictionary_encode(), item.dictionary_encode(), *numbers],
                        names=table.column_names,
                    ),
                )

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


def _gather(cap: int | None, binary: bool) -> Step:
    """Packed tables of rows -> the packed histories of the partition's users."""

    def task(batches: Batches) -> Batches:
        key, sent = gathered(batches)
        if sent:
            rows = pa.concat_tables(sent).unify_dictionaries()
            sent.clear()
            yield packed(key, _histories(rows, cap, binary).table())

    return task


def _histories(rows: pa.Table, cap: int | None, binary: bool) -> Histories:
    user, item, amount, stamp = (column.combine_chunks() for column in rows.columns)
    by_id = pc.sort_indices(item.dictionary).to_numpy()
    code = np.empty(len(by_id), np.int32)
    code[by_id] = np.arange(len(by_id), dtype=np.int32)
    indptr, items, weights, last = grouped(
        user.indices.to_numpy(),
        code[item.indices.to_numpy()],
        amount.to_numpy(),
        stamp.to_numpy(),
        len(user.dictionary),
        len(code),
    )
    if binary:
        weights = np.where(weights > 0, np.int64(1 << WEIGHT_BITS), 0)
    indptr, kept = capped(indptr, weights, last, len(items) if cap is None else cap)
    return Histories(
        user.dictionary, item.dictionary.take(pa.array(by_id)), indptr,
        items[kept], weights[kept], last[kept],
    )  # fmt: skip
