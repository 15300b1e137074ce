"""Spark frames of rows that executors make from a number: a block of users, a chunk of items."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from nightshelf.config import SimulateConfig
from nightshelf.simulate import shoppers
from nightshelf.simulate.world import Ints

ROWS_A_BATCH = 50_000


def by_block(
    spark: SparkSession,
    config: SimulateConfig,
    partitions: int,
    schema: pa.Schema,
    make: Callable[[int], pa.Table],
) -> DataFrame:
    """A frame of `make(block)` for every block of users."""
    return by_number(spark, shoppers.blocks(config), partitions, schema, make)


def by_number(
    spark: SparkSession,
    count: int,
    partitions: int,
    schema: pa.Schema,
    make: Callable[[int], pa.Table],
) -> DataFrame:
    """A frame of `make(0)` to `make(count - 1)`, each made on an executor."""

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column("id").to_pylist():
                yield from make(number).to_batches(max_chunksize=ROWS_A_BATCH)

    numbers = spark.range(0, count, 1, min(partitions, count))
    return numbers.mapInArrow(task, from_arrow_schema(schema))


def as_dates(config: SimulateConfig, days: Ints, unknown: bool = False) -> pa.Array:
    """Days counted from the first as dates; with `unknown`, null where negative."""
    first = (config.start - date(1970, 1, 1)).days
    mask = days < 0 if unknown else np.zeros(len(days), dtype=bool)
    return pa.array((days + first).astype(np.int32), mask=mask).cast(pa.date32())
