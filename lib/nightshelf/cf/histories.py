"""From events to the histories of users, packed.

One row an event goes in; out comes a packed frame whose tables have a row a user:

    user_id  string
    items    list<dictionary<string>>  distinct, by id
    weights  list<int64>               in multiples of 2**-WEIGHT_BITS, above 0

Map tasks deal events to parts by a hash of the user and encode them; after one shuffle of packed
tables each part groups its events by user and item with two counting sorts. Weights are added as
integers, so that neither the order of events nor the number of parts changes a result.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from nightshelf.cf.coding import by_id, compact
from nightshelf.cf.events import COLUMNS, WEIGHT_BITS, Weighing, deal, stamps
from nightshelf.cf.grouping import capped, grouped
from nightshelf.cf.packed import (
    SCHEMA,
    Batches,
    Step,
    exchange,
    gathered,
    lists,
    packed,
    tables,
)
from nightshelf.columns import ITEM, USER, WEIGHT, Transform
from nightshelf.tables import SILVER_EVENTS
from nightshelf.tables.parquet import rows

ROWS_A_PART = 4_000_000  # events that one task groups, about 100 bytes each
ROWS_A_PIECE = 1_000_000  # of totals, 20 bytes each

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Histories:
    """The histories of U users in CSR form: N pairs.

    users (U,) and ids (I,) strings, the ids sorted. User u's entries go from indptr[u] to
    indptr[u + 1]: items (N,) index ids; weights (N,) are multiples of 2**-WEIGHT_BITS.
    """

    users: pa.Array
    ids: pa.Array
    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    weights: NDArray[np.int64]

    @classmethod
    def of(cls, table: pa.Table) -> "Histories":
        """A table of a packed frame, without copying its entries."""
        users, items, weights = (column.combine_chunks() for column in table.columns)
        entries = items.flatten()
        return cls(
            users,
            entries.dictionary,
            items.offsets.to_numpy().astype(np.int64),
            entries.indices.to_numpy(),
            weights.flatten().to_numpy(),
        )

    def table(self) -> pa.Table:
        """The table of a packed frame."""
        columns = {
            "items": pa.DictionaryArray.from_arrays(pa.array(self.items), self.ids),
            "weights": self.weights,
        }
        return pa.table({USER: self.users, **lists(self.indptr.astype(np.int32), columns)})

    def owners(self) -> NDArray[np.int32]:
        """(N,): the user of each entry."""
        return np.repeat(np.arange(len(self.users), dtype=np.int32), np.diff(self.indptr))


def parts_for(rows: int, cores: int) -> int:
    """Into how many parts so many events are dealt: no more than a task can group, one a core.

    Doubles as the events do, so that parts of one night serve the next.
    """
    parts = cores
    while parts * ROWS_A_PART < rows:
        parts *= 2
    return parts


def from_events(
    weighing: Weighing, *, max_items_per_user: int, parts: int, binary: bool = False
) -> Transform:
    """[user_id, item_id, event_type, event_ts, rating] -> packed histories.

    A user's items are those with an event of positive weight; their weights add up, or are 1 where
    `binary`. Of each user only the newest `max_items_per_user` items are kept, ties by item_id.
    """
    dealt = deal(_measure(weighing), parts)
    gather = _gather(_Form(max_items_per_user, binary, weighing.growth))
    return lambda events: _sent(events.select(*COLUMNS), dealt, parts).mapInArrow(gather, SCHEMA)


def from_files(
    weighing: Weighing,
    *,
    max_items_per_user: int,
    parts: int,
    binary: bool = False,
    totals: DataFrame | None = None,
) -> Transform:
    """[path, content], the Parquet files of silver.events -> packed histories, as `from_events`.

    Several times as fast. `totals`: those of the days up to `weighing.since`, in as many parts.
    """
    gather = _gather(_Form(max_items_per_user, binary, weighing.growth))
    return lambda files: _summed(files, weighing, parts, totals).mapInArrow(gather, SCHEMA)


def totals_from_files(
    weighing: Weighing, *, parts: int, totals: DataFrame | None = None
) -> Transform:
    """[path, content], the Parquet files of silver.events -> packed totals of user and item.

    Rows [user_id, item_id, amount as of `weighing.anchor`, stamp of the newest event], each pair
    once, in pieces of at most ROWS_A_PIECE. `totals` as of `from_files`.
    """
    add = _each_part(_pieces)
    return lambda files: _summed(files, weighing, parts, totals).mapInArrow(add, SCHEMA)


def from_pairs(parts: int) -> Transform:
    """[user_id, item_id, weight] -> packed histories; weights of a repeated pair add up."""

    def measure(pairs: pa.Table) -> tuple[Longs, Longs]:
        weights = pairs.column(WEIGHT).to_numpy() * float(1 << WEIGHT_BITS)
        return np.rint(weights).astype(np.int64), np.zeros(len(weights), np.int64)

    dealt = deal(measure, parts)
    gather = _gather(_Form())
    return lambda pairs: _sent(pairs.select(USER, ITEM, WEIGHT), dealt, parts).mapInArrow(
        gather, SCHEMA
    )


def _sent(frame: DataFrame, dealt: Step, parts: int) -> DataFrame:
    """Packed rows [user_id, item_id, amount, stamp], a user's all in the same part."""
    return exchange(frame.mapInArrow(dealt, SCHEMA), parts)


def _summed(
    files: DataFrame, weighing: Weighing, parts: int, totals: DataFrame | None
) -> DataFrame:
    """As `_sent`, of the events in the files and the totals before them."""
    dealt = deal(_measure(weighing), parts)

    def scan(batches: Batches) -> Batches:
        return dealt(rows(batches, SILVER_EVENTS, COLUMNS))

    scanned = files.mapInArrow(scan, SCHEMA)
    return exchange(scanned if totals is None else totals.unionByName(scanned), parts)


def _measure(weighing: Weighing) -> Callable[[pa.Table], tuple[Longs, Longs]]:
    return lambda events: (weighing.amounts(events), stamps(events))


def to_pairs(histories: DataFrame) -> DataFrame:
    """Packed histories -> [user_id, item_id, weight], one row a pair."""

    def unpack(batches: Batches) -> Batches:
        for _, table in tables(batches):
            some = Histories.of(table)
            yield pa.RecordBatch.from_arrays(
                [
                    some.users.take(pa.array(some.owners())),
                    some.ids.take(pa.array(some.items)),
                    pa.array(some.weights * 2.0**-WEIGHT_BITS),
                ],
                [USER, ITEM, WEIGHT],
            )

    return histories.mapInArrow(unpack, f"{USER} string, {ITEM} string, {WEIGHT} double")


@dataclass(frozen=True)
class _Form:
    """What becomes of summed amounts: how many items of a user stay, and what their weights are."""

    cap: int | None = None
    binary: bool = False
    growth: float = 1.0


def _gather(form: _Form) -> Step:
    """Packed tables of rows -> the packed histories of the partition's users."""
    return _each_part(lambda rows: [_histories(rows, form).table()])


def _each_part(make: Callable[[pa.Table], Iterable[pa.Table]]) -> Step:
    """Packed tables of rows -> what is made of all rows of the partition, packed."""

    def task(batches: Batches) -> Batches:
        key, sent = gathered(batches)
        if sent:
            rows = pa.concat_tables(sent).unify_dictionaries()
            sent.clear()
            for table in make(rows):
                yield packed(key, table)

    return task


def _histories(rows: pa.Table, form: _Form) -> Histories:
    users, ids, (indptr, items, weights, last) = _by_pair(rows)
    if form.binary:
        weights = np.where(weights > 0, np.int64(1 << WEIGHT_BITS), 0)
    elif form.growth != 1.0:
        weights = np.rint(weights * form.growth).astype(np.int64)
    cap = len(items) if form.cap is None else form.cap
    indptr, kept = capped(indptr, weights, last, cap)
    return Histories(users, ids, indptr, items[kept], weights[kept])


def _pieces(rows: pa.Table) -> Iterator[pa.Table]:
    users, ids, (indptr, items, amounts, last) = _by_pair(rows)
    owners = Histories(users, ids, indptr, items, amounts).owners()
    for start in range(0, len(items), ROWS_A_PIECE):
        some = slice(start, start + ROWS_A_PIECE)
        columns = {
            USER: compact(users, owners[some]),
            ITEM: compact(ids, items[some]),
            "amount": amounts[some],
            "stamp": last[some],
        }
        yield pa.table(columns)


def _by_pair(rows: pa.Table) -> tuple[pa.Array, pa.Array, tuple[Longs, Ints, Longs, Longs]]:
    """users (U,), ids (I,), and what `grouped` makes of packed rows."""
    user, item, amount, stamp = (column.combine_chunks() for column in rows.columns)
    ids, code = by_id(item)
    sums = grouped(
        user.indices.to_numpy(),
        code,
        amount.to_numpy(),
        stamp.to_numpy(),
        len(user.dictionary),
        len(ids),
    )
    return user.dictionary, ids, sums
