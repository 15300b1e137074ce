"""Rows of Parquet files that come as bytes: a scan for jobs that work on Arrow columns.

Spark would make a row of each, write it to Arrow and send it to Python: ten times the work of
decoding the file there.
"""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from nightshelf.tables.contract import STRING, Table

ROWS_AT_ONCE = 1 << 20


def rows(
    contents: Iterable[pa.RecordBatch], table: Table, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The columns of every file in batches [content binary]; strings come as dictionaries."""
    strings = [c.name for c in table.columns if c.name in columns and c.type == STRING]
    for batch in contents:
        for content in batch.column("content"):
            source = pa.BufferReader(content.as_buffer())
            file = pq.ParquetFile(source, read_dictionary=strings)
            yield from file.iter_batches(ROWS_AT_ONCE, columns=list(columns), use_threads=False)
