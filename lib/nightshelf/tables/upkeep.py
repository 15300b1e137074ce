"""What tables need now and then: few files, and no more of the past than is wanted."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from delta.tables import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS
from nightshelf.tables.contract import Table
from nightshelf.tables.store import Store

FEW_FILES: Final = 4
"""So many small files are left as they are."""

LISTING_TASKS_A_CORE: Final = 4

_LISTING = "spark.sql.sources.parallelPartitionDiscovery.parallelism"
_OPTIMIZE = "spark.databricks.delta.optimize.minFileSize"
_LOGGED = "spark.databricks.delta.vacuum.logging.enabled"


@dataclass(frozen=True)
class Kept:
    """What a table was before and after: its files on disk, of all versions, with their bytes."""

    table: str
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    rows_expired: int


def first_kept(ds: date, days: int | None) -> date | None:
    """The first of so many days up to ds; None where all are kept."""
    return None if days is None else ds - timedelta(days=days - 1)


def keep_up(
    store: Store,
    table: Table,
    first: date | None,
    *,
    vacuum_days: int,
    small_mb: int,
    newest_of: str | None = None,
) -> Kept:
    """Removes days before `first`, brings small files together, deletes files of old versions.

    newest_of: a column, which with ds is a key; what each of its values is told as of `first`
    stays, however old. Versions that were replaced in the last `vacuum_days` days can be read
    still. Readers are not disturbed. A dry run counts the rows that would go.

    Each commit tells the table's manifest again: Delta forgets the commits of a table that is kept
    up and published no more, and who published it, of which day, is still asked.
    """
    files_before, bytes_before = _files(store, table)
    gone = _expired(store, table, first, newest_of)
    expired = 0 if gone is None else gone.count()
    if not store.dry_run:
        delta = DeltaTable.forPath(store.spark, store.path(table))
        with (
            store.locks.committing(table),
            store.telling(store.last_manifest(table)),
        ):
            if expired and gone is not None:
                _remove(delta, gone, first, newest_of)
            _bring_together(store, delta, small_mb)
        # Without the lock, which a publish would wait for: it takes long, and commits nothing.
        vacuum(store, delta, 24.0 * vacuum_days)
    files_after, bytes_after = _files(store, table)
    return Kept(table.name, files_before, files_after, bytes_before, bytes_after, expired)


def vacuum(store: Store, delta: DeltaTable, hours: float, *, logged: bool = False) -> None:
    """Deletes files that no version of the last hours names.

    logged: by two commits, for which the caller holds the lock; by none otherwise. Delta lists
    folders in as many tasks as Spark's setting says, 10,000, however few they are.
    """
    tasks = LISTING_TASKS_A_CORE * store.spark.sparkContext.defaultParallelism
    with store.setting(_LISTING, str(tasks)), store.setting(_LOGGED, str(logged).lower()):
        delta.vacuum(hours)


def _expired(
    store: Store, table: Table, first: date | None, newest_of: str | None
) -> DataFrame | None:
    if first is None or not table.daily:
        return None
    rows = store.read(table)
    old = rows.where(F.col(DS) < F.lit(first))
    if newest_of is None:
        return old
    told = rows.where(F.col(DS) <= F.lit(first)).groupBy(newest_of).agg(F.max(DS).alias("told"))
    return old.join(told, newest_of, "inner").where(F.col(DS) < F.col("told"))


def _remove(delta: DeltaTable, gone: DataFrame, first: date | None, newest_of: str | None) -> None:
    if newest_of is None:
        delta.delete(F.col(DS) < F.lit(first))
        return
    same = f"kept.{newest_of} = gone.{newest_of} AND kept.{DS} = gone.{DS}"
    keys = gone.select(newest_of, DS).alias("gone")
    delta.alias("kept").merge(keys, same).whenMatchedDelete().execute()


def _bring_together(store: Store, delta: DeltaTable, small_mb: int) -> None:
    """Where small files are many: a commit that changes no row."""
    detail = delta.detail().select("numFiles", "sizeInBytes", "partitionColumns").collect()[0]
    wanted = max(1, -(-detail["sizeInBytes"] // (small_mb * 2**20)))
    if detail["partitionColumns"] or detail["numFiles"] < wanted + FEW_FILES:
        return
    with store.setting(_OPTIMIZE, str(small_mb * 2**20)):
        delta.optimize().executeCompaction()


def _files(store: Store, table: Table) -> tuple[int, int]:
    inside = store.files_of(table)
    return len(inside), sum(file.size for file in inside)
