"""Frames of packed tables: [part, payload], where each payload is an Arrow table.

Spark moves and keeps rows; a row a pair costs it some hundred nanoseconds at every step. Packed, a
few thousand rows carry all pairs, and a shuffle is a copy of bytes. `part` is an INT key that
`exchange` puts into a partition of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame

Batches = Iterable[pa.RecordBatch]
Step = Callable[[Batches], Batches]

SCHEMA = "part int, payload binary"
_LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")


def packed(part: int, table: pa.Table) -> pa.RecordBatch:
    """One row of a packed frame."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_LZ4) as stream:
        stream.write_table(table)
    payload = sink.getvalue()
    ends = pa.py_buffer(np.array([0, payload.size], np.int32))
    return pa.RecordBatch.from_arrays(
        [
            pa.array([part], pa.int32()),
            pa.Array.from_buffers(pa.binary(), 1, [None, ends, payload]),
        ],
        ["part", "payload"],
    )


def tables(batches: Batches) -> Iterator[tuple[int, pa.Table]]:
    """(part, table) of every row of a packed frame's batches."""
    for batch in batches:
        for part, payload in zip(batch.column("part"), batch.column("payload"), strict=True):
            yield part.as_py(), pa.ipc.open_stream(payload.as_buffer()).read_all()


def lists(offsets: NDArray[np.int32], columns: Mapping[str, Any]) -> dict[str, pa.ListArray]:
    """Columns with a list a row, from flat ones: row n holds entries offsets[n] to offsets[n + 1].

    offsets (R + 1,); each column an array of numpy or Arrow.
    """
    ends = pa.array(offsets)
    return {n: pa.ListArray.from_arrays(ends, pa.array(c)) for n, c in columns.items()}


def gathered(batches: Batches) -> tuple[int, list[pa.Table]]:
    """The part and all tables of an exchanged partition; no tables where it is empty."""
    key, held = -1, []
    for part, table in tables(batches):
        key = part
        held.append(table)
    return key, held


def exchange(frame: DataFrame, parts: int) -> DataFrame:
    """The packed frame with all rows of a part in one partition, and no two parts in the same.

    Parts are counted from 0 to `parts` - 1 by `placement.part_keys`.
    """
    return frame.repartition(parts, "part")
