"""Rows of Parquet files, decoded in Python: a scan for jobs that work on Arrow columns.

Spark would make a row of each, write it to Arrow and send it to Python: ten times the work.
"""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.literals import frame_of
from nightshelf.tables.contract import STRING, Table
from nightshelf.tables.files import literal

ROWS_AT_ONCE = 1 << 20

Batches = Iterable[pa.RecordBatch]

_CONTENTS = "path string, content binary"
_LOCAL = "file:"


def contents(spark: SparkSession, files: Sequence[str]) -> DataFrame:
    """[path string, content binary]: the files by their URIs, each a row, for `rows`.

    Their bytes are read by Spark, whatever the file system; of local files there is the path.
    """
    nothing = F.lit(None)
    if not files:
        return frame_of(spark, [], _CONTENTS)
    if all(file.startswith(_LOCAL) for file in files):
        places = F.array(*(F.lit(file.removeprefix(_LOCAL)) for file in files))
        place = F.element_at(places, (F.col("id") + 1).cast("int"))
        each = spark.range(0, len(files), 1, len(files))
        return each.select(place.alias("path"), nothing.cast("binary").alias("content"))
    read = spark.read.format("binaryFile").load([literal(file) for file in files])
    return read.select(nothing.cast("string").alias("path"), "content")


def rows(contents: Batches, table: Table, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The columns of every file in batches [path, content]; strings come as dictionaries."""
    strings = [c.name for c in table.columns if c.name in columns and c.type == STRING]
    for batch in contents:
        for path, content in zip(batch.column("path"), batch.column("content"), strict=True):
            source = pa.BufferReader(content.as_buffer()) if content.is_valid else path.as_py()
            with pq.ParquetFile(source, read_dictionary=strings) as file:
                yield from file.iter_batches(ROWS_AT_ONCE, columns=list(columns), use_threads=False)
