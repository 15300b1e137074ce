"""How rows lie in a table's files: few files, each sorted by what readers look rows up by."""

from collections.abc import Sequence
from functools import reduce
from typing import Final

from pyspark.sql import DataFrame

from nightshelf.columns import DS
from nightshelf.tables.contract import Table
from nightshelf.tables.files import FileInfo, literal

TARGET_FILE_BYTES: Final = 128 * 2**20
LEAST_FILE_BYTES: Final = 8 * 2**20


def laid_out(
    staged: DataFrame, files: Sequence[FileInfo], table: Table, *, in_ranges: bool
) -> DataFrame:
    """The staged rows in as many partitions as the table gets files.

    `files` are the staged ones, in order. `in_ranges`: they are ranges of the table's layout, one
    behind the other, so that neighbours are put together instead of all being sorted anew.
    """
    layout = table.layout or table.keys[0]
    order = (DS, *layout) if table.daily else layout
    if in_ranges:
        spark = staged.sparkSession
        read = spark.read.schema(table.schema)
        groups = [
            read.parquet(*(literal(file.path) for file in group)).coalesce(1)
            for group in _groups(files, spark.sparkContext.defaultParallelism)
        ]
        return reduce(DataFrame.union, groups or [staged]).sortWithinPartitions(*order)
    wanted = max(1, -(-sum(file.size for file in files) // TARGET_FILE_BYTES))
    # By the first column of the layout alone: all rows of a user lie in one file.
    ranges = order[: 2 if table.daily else 1]
    spread = staged.coalesce(1) if wanted == 1 else staged.repartitionByRange(wanted, *ranges)
    return spread.sortWithinPartitions(*order)


def _groups(files: Sequence[FileInfo], cores: int) -> list[list[FileInfo]]:
    """Neighbouring files that go into one each: all cores' work, but no small ones."""
    share = sum(file.size for file in files) / cores
    wanted = min(max(share, LEAST_FILE_BYTES), TARGET_FILE_BYTES)
    groups: list[list[FileInfo]] = []
    held = wanted
    for file in files:
        if held + file.size / 2 > wanted:
            groups.append([])
            held = 0
        groups[-1].append(file)
        held += file.size
    return groups
