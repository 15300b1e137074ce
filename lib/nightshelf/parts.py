"""Rows of several frames brought together by key, so that a task sees all that concerns its keys.

A key is a user or an item. Frames are stacked, each with its `kind`, and go through one shuffle; a
task then works on whole Arrow columns. Nothing that it makes of a key depends on the other keys of
its part, so that any partitioning gives the same rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from nightshelf.placement import part_keys

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]

DAY: Final = "day"
"""INT column of stacked frames: days since 1970."""

KIND: Final = "kind"
PART: Final = "part"
ROWS_AT_ONCE: Final = 10_000


class Part:
    """The stacked rows of a part, with strings as codes.

    ids (K,) strings: the part's keys, in no particular order.
    """

    def __init__(self, rows: pa.Table, key: str) -> None:
        coded = encoded(rows.column(key))
        self.ids = coded.dictionary
        self._keys = coded.indices.to_numpy()
        self._kinds = rows.column(KIND).to_numpy()
        self._rows = rows.drop_columns([key, KIND]).combine_chunks()

    def of(self, kind: int) -> "Some":
        """The rows of the kind-th of the stacked frames."""
        places = np.flatnonzero(self._kinds == kind)
        return Some(self._keys[places], self._rows, places)


class Some:
    """N rows of one kind: keys (N,) are codes of the part's ids."""

    def __init__(self, keys: Ints, rows: pa.Table, places: Longs) -> None:
        self.keys = keys
        self._rows = rows
        self._places = places

    def __len__(self) -> int:
        return len(self.keys)

    def column(self, name: str) -> pa.Array:
        """(N,): a column as it is."""
        return whole(self._rows.column(name).take(pa.array(self._places)))

    def array(self, name: str, missing: float = 0) -> NDArray[Any]:
        """(N,): a column of numbers, `missing` where it is null."""
        values = self.column(name)
        if values.null_count:
            values = pc.fill_null(values, pa.scalar(missing, values.type))
        return np.asarray(values.to_numpy(zero_copy_only=False))

    def floats(self, name: str) -> Floats:
        """(N,): a column of numbers, NaN where it is null."""
        return np.asarray(self.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False))

    def coded(self, name: str) -> tuple[pa.Array, Ints]:
        """The distinct strings of a column, sorted by bytes, and (N,) the place of each row's.

        -1 for null.
        """
        coded = encoded(self._rows.column(name).take(pa.array(self._places)))
        order = pc.sort_indices(coded.dictionary).to_numpy()
        place = np.full(len(order) + 1, -1, np.int32)  # the last one, index -1, for null
        place[order] = np.arange(len(order), dtype=np.int32)
        codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
        return coded.dictionary.take(pa.array(order)), place[codes]

    def take(self, places: NDArray[Any]) -> "Some":
        """The rows at the places."""
        return Some(self.keys[places], self._rows, self._places[places])

    def ordered(self) -> "Some":
        """The rows by key and day."""
        return self.take(np.lexsort((self.array(DAY), self.keys)))


def encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """The strings of a column as one dictionary array."""
    return whole(column.dictionary_encode())


def whole(column: pa.ChunkedArray) -> pa.Array:
    """The column as one array."""
    if column.num_chunks == 0:  # without a row there is nothing to combine
        return pa.array([], column.type)
    return pa.concat_arrays(column.chunks)


def by_part(
    frames: Sequence[DataFrame],
    key: str,
    make: Callable[[Part], Iterable[pa.RecordBatch]],
    schema: StructType,
    everywhere: str | None = None,
) -> DataFrame:
    """What `make` makes of each part of the frames' rows; a key's rows are all in one part.

    Rows of the key `everywhere` are in all parts.

    The frames share `key` and may have further columns of their own. There are as many parts as a
    shuffle has partitions, and a task holds one as a whole, about 200 bytes a row. It gets it as a
    group: where `arrow.maxBytesPerBatch` is set, mapInArrow measures a batch again at every row,
    and the columns that stacking leaves null made that 40 times as slow.
    """
    rows = reduce(
        lambda some, more: some.unionByName(more, allowMissingColumns=True),
        (frame.withColumn(KIND, F.lit(n).cast("tinyint")) for n, frame in enumerate(frames)),
    )

    def task(table: pa.Table) -> pa.Table:
        made = list(make(Part(table, key)))
        return pa.Table.from_batches(made) if made else to_arrow_schema(schema).empty_table()

    parts = int(rows.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    keys = F.array(*map(F.lit, part_keys(parts)))
    part = F.element_at(keys, F.pmod(F.xxhash64(key), F.lit(parts)).cast("int") + 1)
    if everywhere is not None:
        own = F.when(F.col(key) == everywhere, keys).otherwise(F.array(part))
        part = F.explode(own)
    # Spark would join small parts to fewer tasks than there are cores.
    dealt = rows.withColumn(PART, part).repartition(parts, PART)
    return dealt.groupBy(PART).applyInArrow(task, schema)


def number_maps(numbers: dict[str, Floats]) -> pa.MapArray:
    """A map a row (N) from N-long columns, in their order, without those that are NaN there."""
    table = np.column_stack(list(numbers.values()))
    known = ~np.isnan(table)
    names = pa.array(list(numbers))
    _, which = np.nonzero(known)
    return pa.MapArray.from_arrays(
        offsets(known.sum(axis=1)), names.take(pa.array(which)), pa.array(table[known])
    )


def offsets(lengths: NDArray[Any]) -> pa.Array:
    """(N + 1,): where each of N lists of these lengths begins, and the last one ends."""
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


class Strings:
    """Maps of strings in the making, N rows; entries stay in the order in which they are added."""

    def __init__(self, rows: int) -> None:
        self._count = rows
        self._entries: list[tuple[NDArray[Any], pa.Array, pa.Array]] = []

    def add(self, key: str, values: pa.Array) -> None:
        """An entry for each row with a value (N,) that is not null."""
        rows = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
        self.add_entries(rows, pa.array([key] * len(rows), pa.string()), values.drop_null())

    def add_entries(self, rows: NDArray[Any], keys: pa.Array, values: pa.Array) -> None:
        """M entries of the rows (M,) given."""
        self._entries.append((rows, keys, values))

    def maps(self) -> pa.MapArray:
        """(N,): the maps."""
        every_row, keys, values = zip(*self._entries, strict=True)
        rows = np.concatenate(every_row)
        order = pa.array(np.argsort(rows, kind="stable"))
        return pa.MapArray.from_arrays(
            offsets(np.bincount(rows, minlength=self._count)),
            pa.concat_arrays(keys).take(order),
            pa.concat_arrays(values).take(order),
        )


def in_batches(columns: dict[str, pa.Array]) -> Iterator[pa.RecordBatch]:
    """The columns as record batches of no more rows than Spark handles well at once."""
    rows = pa.RecordBatch.from_pydict(columns)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield rows.slice(start, ROWS_AT_ONCE)
