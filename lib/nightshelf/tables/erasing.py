"""Rows removed from a table for good: from its files, from its past versions and from its log."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS
from nightshelf.tables.commits import ROWS_BY_DAY
from nightshelf.tables.contract import Table
from nightshelf.tables.files import FileInfo, literal
from nightshelf.tables.store import Store
from nightshelf.tables.upkeep import vacuum

_AT_ONCE: Final = "spark.databricks.delta.retentionDurationCheck.enabled"
_KEPT: Final = ("_last_checkpoint",)
_CUT: Final = 32
"""Letters of a smallest or largest value that Delta keeps."""


@dataclass(frozen=True)
class Trace:
    """What a table still tells: rows now, rows in files of any version, files of its log."""

    table: str
    rows: int
    rows_in_files: int
    log_files: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.rows or self.rows_in_files or self.log_files)


def erase(
    store: Store,
    table: Table,
    matches: Column,
    changes: dict[str, Column],
    *,
    retold: bool = True,
) -> int:
    """Removes the rows that match, or sets columns of theirs; returns how many they were.

    The table's manifest is told again by each commit, unless it is not `retold`: where it would
    vouch for rows that are gone.

    No earlier version of the table can be read afterwards: their files go, and so do the commits
    that tell of these files by their smallest and largest values. Where no row matches now, an
    earlier version may hold some all the same, so that the past goes in any case.
    """
    delta = DeltaTable.forPath(store.spark, store.path(table))
    with store.locks.committing(table):
        rows = delta.toDF().where(matches).count()
        manifest = store.last_manifest(table) if retold else {}
        with store.telling(manifest):
            if rows and changes:
                delta.update(matches, dict(changes))
            elif rows:
                delta.delete(matches)
        if manifest and table.daily:
            manifest = {**manifest, ROWS_BY_DAY: _rows_by_day(delta)}
        with store.telling(manifest):
            _forget(store, delta, table)
    store.versions.pop(table.name, None)
    return rows


def _rows_by_day(delta: DeltaTable) -> dict[str, int]:
    counts = delta.toDF().groupBy(DS).agg(F.count("*")).orderBy(DS).collect()
    return {day.isoformat(): rows for day, rows in counts}


def _forget(store: Store, delta: DeltaTable, table: Table) -> None:
    """Leaves the newest version alone: its files, a checkpoint of it, and one commit.

    That of the vacuum, which tells the manifest; by default Delta makes none on S3.
    """
    with store.setting(_AT_ONCE, "false"):
        vacuum(store, delta, 0.0, logged=True)
    jvm: Any = store.spark._jvm
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(
        store.spark._jsparkSession, store.path(table)
    )
    log.update(False, jvm.scala.Option.empty(), jvm.scala.Option.empty())
    log.checkpoint()
    newest = f"{store.version(table):020d}"
    for file in _log(store, table):
        if file.name not in _KEPT and not file.name.lstrip(".").startswith(newest):
            store.files.delete(file.path)


def _log(store: Store, table: Table) -> list[FileInfo]:
    return store.files.below(f"{store.path(table)}/_delta_log")


def trace(store: Store, table: Table, matches: Column, values: Sequence[str]) -> Trace:
    """What is left of rows that match, and of the values in the log, wherever one could look."""
    inside = store.files_of(table)
    files = [literal(file.path) for file in inside if file.name.endswith(".parquet")]
    rows = store.read(table).where(matches).count()
    ever = store.spark.read.schema(table.schema).parquet(*files) if files else None
    return Trace(
        table=table.name,
        rows=rows,
        rows_in_files=ever.where(matches).count() if ever is not None else 0,
        log_files=len(_telling(store, table, matches, values)),
    )


def _telling(store: Store, table: Table, matches: Column, values: Sequence[str]) -> set[str]:
    """Files of the log that hold one of the values, of a long one what Delta keeps of it.

    Where others begin alike, such a beginning tells of no one.
    """
    told = _holding(store, table, [form for value in values for form in _escaped(value)])
    long = [value[:_CUT] for value in values if len(value) > _CUT]
    begun = [form for value in long for form in _escaped(value, end="")]
    cut = _holding(store, table, begun) - told
    if cut:
        others = store.read(table).where(~matches)
        row = F.to_json(F.struct(*others.columns))
        alike = reduce(or_, (row.contains(form) for form in begun))
        cut = cut if others.where(alike).isEmpty() else set()
    return told | cut


def _holding(store: Store, table: Table, forms: Sequence[str]) -> set[str]:
    return {
        file.path
        for file in (_log(store, table) if forms else ())
        if any(form in line for line in _lines(store, file) for form in forms)
    }


def _lines(store: Store, file: FileInfo) -> Iterator[str]:
    if not file.name.endswith(".parquet"):
        told = (store.files.read_bytes(file.path) or b"").decode(errors="replace")
        yield from map(_without_counts, told.split("\n"))
        return
    frame: DataFrame = store.spark.read.parquet(literal(file.path))
    for row in frame.select(F.to_json(F.struct(*frame.columns)).alias("told")).toLocalIterator():
        yield row["told"] or ""


def _without_counts(line: str) -> str:
    """A line of the log; where a vacuum tells of itself, without its numbers, which are texts."""
    if '"VACUUM ' not in line:
        return line
    told = json.loads(line)
    for name in ("operationParameters", "operationMetrics"):
        told.get("commitInfo", {}).pop(name, None)
    return json.dumps(told, ensure_ascii=False)


def _escaped(value: str, end: str = '"') -> Iterator[str]:
    """The value after a quotation mark and before `end`, as in JSON, in JSON in it, and once more.

    A commit tells of a file's smallest and largest values in a string of JSON, and a `raw` one of
    these is JSON itself.
    """
    told = json.dumps(value, ensure_ascii=False)[:-1] + end
    for _ in range(3):
        yield told
        told = json.dumps(told, ensure_ascii=False)[1:-1]
