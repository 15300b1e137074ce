"""Checks of a staged result against its contract, before anyone can read it.

One scan of the staged files counts what breaks a promise and sends 64-bit hashes of the keys, by
range, to where equal ones meet.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, USER, Transform
from nightshelf.errors import DataQualityError
from nightshelf.placement import part_keys
from nightshelf.tables.contract import Table
from nightshelf.tables.hashing import Hashes, row_hashes
from nightshelf.tables.parquet import Batches, contents, rows

FILES_A_BUCKET = 8  # a staged file has at most some 4 million rows, a hash of 8 bytes a key

_FOUND = "bucket int, counts array<bigint>, hashes binary"


def conform(frame: DataFrame, table: Table) -> DataFrame:
    """The frame's columns in the contract's order.

    Raises DataQualityError where one is missing, unexpected or of another type.
    """
    found = {field.name: field.dataType.simpleString() for field in frame.schema}
    expected = {column.name: column.type.simpleString() for column in table.columns}
    if found != expected:
        wrong = [
            f"{name} expected {expected.get(name, 'absent')}, found {found.get(name, 'absent')}"
            for name in sorted(found.keys() | expected.keys())
            if found.get(name) != expected.get(name)
        ]
        raise DataQualityError(f"{table.name}: not as its contract says: {'; '.join(wrong)}")
    return frame.select(*expected)


def with_optional(table: Table) -> Transform:
    """Adds nulls for optional columns that a table from before there were any does not have."""

    def transform(frame: DataFrame) -> DataFrame:
        absent = [c for c in table.columns if c.optional and c.name not in frame.columns]
        return frame.withColumns({c.name: F.lit(None).cast(c.type) for c in absent})

    return transform


def audit(staged: DataFrame, files: Sequence[str], table: Table, since: date, until: date) -> int:
    """The number of rows of a staged result that keeps its contract.

    `files`: those that `staged` reads. Raises DataQualityError that names every broken promise,
    with a count.
    """
    checks = _checks(table, since, until)
    counts, repeated = _scanned(staged, files, table, checks)
    broken = [
        f"{n} rows with {check.told}" for check, n in zip(checks, counts[1:], strict=True) if n
    ]
    if not counts[0] and not table.may_be_empty:
        broken.append("no rows: an empty result is never published")
    if repeated:
        broken += _repeated_keys(staged, table)
    if broken:
        raise DataQualityError(
            f"{table.name}: held back by its contract, nothing published: {'; '.join(broken)}"
        )
    return counts[0]


def _scanned(
    staged: DataFrame, files: Sequence[str], table: Table, checks: Sequence["_Check"]
) -> tuple[list[int], bool]:
    """The rows, how many break each promise; and whether two may have a key in common."""
    keys = _keys(table)
    columns = sorted({check.column for check in checks} | {name for key in keys for name in key})
    spark = staged.sparkSession
    buckets = max(spark.sparkContext.defaultParallelism, len(files) // FILES_A_BUCKET)
    places = part_keys(buckets)
    bounds = np.array([2**64 * n // buckets for n in range(1, buckets)], np.uint64)

    def scan(batches: Batches) -> Batches:
        counts = np.zeros(1 + len(checks), np.int64)
        for batch in rows(batches, table, columns):
            counts += [len(batch), *(check.count(batch) for check in checks)]
            for salt, key in enumerate(keys):
                hashes = np.sort(row_hashes(batch, key, salt))
                # Sorted, each bucket is a run: that of a range of hashes.
                cuts = np.searchsorted(hashes, bounds)
                for place, some in zip(places, np.split(hashes, cuts), strict=True):
                    yield _row(place, [], some)
        yield _row(places[0], counts, np.empty(0, np.uint64))

    def meet(batches: Batches) -> Batches:
        counts = np.zeros(1 + len(checks), np.int64)
        hashes = [np.empty(0, np.uint64)]
        for batch in batches:
            for told, sent in zip(batch.column("counts"), batch.column("hashes"), strict=True):
                counts += told.values.to_numpy() if len(told) else 0
                hashes.append(np.frombuffer(sent.as_buffer(), np.uint64))
        met = np.sort(np.concatenate(hashes))
        yield _row(int((met[1:] == met[:-1]).any()), counts, met[:0])

    found = (
        contents(spark, files)
        .mapInArrow(scan, _FOUND)
        .repartition(buckets, "bucket")
        .mapInArrow(meet, _FOUND)
        .collect()
    )
    sums = np.sum([row["counts"] for row in found], axis=0, initial=0)
    return [int(n) for n in sums], any(row["bucket"] for row in found)


def _row(bucket: int, counts: Sequence[int] | NDArray[np.int64], hashes: Hashes) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array([bucket], pa.int32()),
            pa.array([counts], pa.list_(pa.int64())),
            pa.array([hashes.tobytes()], pa.binary()),
        ],
        ["bucket", "counts", "hashes"],
    )


@dataclass(frozen=True)
class _Check:
    """A promise about one column: how it is told, and how many of an array's values break it."""

    told: str
    column: str
    broken: Callable[[pa.Array], int]

    def count(self, batch: pa.RecordBatch) -> int:
        """The rows of the batch that break it."""
        return self.broken(batch.column(self.column))


def _checks(table: Table, since: date, until: date) -> list[_Check]:
    checks = []
    for column in table.columns:
        if not column.optional:
            checks.append(_Check(f"{column.name} null", column.name, _nulls))
        if column.values:
            told = f"{column.name} outside {', '.join(column.values)}"
            checks.append(_Check(told, column.name, partial(_others, known=column.values)))
        if column.low is not None or column.high is not None:
            told = f"{column.name} outside [{_told(column.low)}, {_told(column.high)}]"
            outside = partial(_outside, low=column.low, high=column.high)
            checks.append(_Check(told, column.name, outside))
    if table.daily:
        days = partial(_outside, low=since, high=until)
        checks.append(_Check(f"{DS} outside {since} to {until}", DS, days))
    return checks


def _nulls(values: pa.Array) -> int:
    return int(values.null_count)


def _others(values: pa.DictionaryArray, known: tuple[str, ...]) -> int:
    is_other = pc.invert(pc.is_in(values.dictionary, value_set=pa.array(known)))
    return pc.sum(is_other.take(values.indices)).as_py() or 0


def _outside(values: pa.Array, low: Any, high: Any) -> int:
    """NaN is in no range; null is in each."""
    inside = pa.scalar(True)
    if low is not None:
        inside = pc.and_(inside, pc.greater_equal(values, pa.scalar(low)))
    if high is not None:
        inside = pc.and_(inside, pc.less_equal(values, pa.scalar(high)))
    return pc.sum(pc.invert(inside)).as_py() or 0


def _told(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}"


def _keys(table: Table) -> list[tuple[str, ...]]:
    return [(*key, DS) if table.daily else key for key in table.keys]


def _repeated_keys(staged: DataFrame, table: Table) -> Iterator[str]:
    for names in _keys(table):
        repeated = staged.groupBy(*names).count().where("count > 1").limit(1).collect()
        if repeated:
            # Errors are logged and kept, and no log tells of a user, as a vocabulary's value may.
            told = (name for name in names if name not in (USER, "value"))
            example = ", ".join(f"{name}={repeated[0][name]}" for name in told)
            yield f"the key ({', '.join(names)}) is not unique, such as {example}"
