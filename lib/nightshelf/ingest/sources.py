"""Reads the files and tables that `sources` describes, row for row as they are."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import TypeVar

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.config import FileSource, ItemSource, ReviewSource, UserSource
from nightshelf.errors import DataQualityError, MissingInputError
from nightshelf.ingest.day_paths import DAY, SOURCE_DAY, SOURCE_FILE, day_of, file_columns
from nightshelf.ingest.references import column_names, named_column, quoted
from nightshelf.tables.files import Files

S = TypeVar("S", ItemSource, UserSource, ReviewSource)

CORRUPT = "_corrupt_record"
_ABSOLUTE = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*:|/)")


@dataclass(frozen=True)
class Reader:
    """Reads sources whose relative paths start at `root`, for days from `since` to `until`.

    `since` None means from the first day there is.
    """

    spark: SparkSession
    root: str
    since: date | None
    until: date

    def each(self, sources: Sequence[S], kind: str) -> Iterator[tuple[S, DataFrame]]:
        """Each of the sources of `sources.<kind>` with those of its rows that can be read.

        Of one that cannot, no field is known to be what it says: an id may stand in any.
        """
        for source, rows in self._all(sources, kind):
            yield source, rows.where(F.col(CORRUPT).isNull()) if CORRUPT in rows.columns else rows

    def unread(self, sources: Sequence[S], kind: str) -> tuple[int, int]:
        """How many rows of `sources.<kind>` cannot be read, and of how many; of text files only."""
        unread = read = 0
        for source, rows in self._all(sources, kind):
            if CORRUPT in rows.columns:
                # Spark refuses to look at that column alone.
                another = named_column(column_names(source.columns.values())[0])
                malformed = F.count_if(F.col(CORRUPT).isNotNull())
                [told] = rows.agg(malformed, F.count(F.lit(1)), F.count(another)).collect()
                unread, read = unread + told[0], read + told[1]
        return unread, read

    def _all(self, sources: Sequence[S], kind: str) -> Iterator[tuple[S, DataFrame]]:
        for place in range(len(sources)):
            source: S = sources[place]  # whose type enumerate would lose
            more: Sequence[str] = () if isinstance(source, ReviewSource) else source.attributes
            wanted = column_names([*source.columns.values(), *more, *source.keep])
            yield source, self.read(source, f"sources.{kind}.{place}", wanted)

    def read(
        self, source: FileSource, name: str, wanted: Sequence[str], needed: date | None = None
    ) -> DataFrame:
        """The source's own columns, plus `_source_file`, and `_corrupt_record` where it is text.

        `_source_day` DATE is the day that the path names; null where it names none.
        `name` is the source's place in the config, for messages; `wanted` are the columns that must
        be there. `needed`: where the path names the day, there has to be something of this one.
        Raises MissingInputError where there is no file or table, DataQualityError where a
        wanted column is missing from one.
        """
        if source.format == "hive":
            frame = self._table(str(source.table), name)
        else:
            frame = self._files(source, name, wanted, needed)
        missing = [column for column in wanted if column not in frame.columns]
        if missing:
            raise _missing_column(name, missing[0], str(source.path or source.table), frame.columns)
        if not source.keep:
            return frame
        # A row cut off before the columns that say whether it is wanted is malformed.
        broken = F.col(CORRUPT).isNotNull() if CORRUPT in frame.columns else F.lit(False)
        return frame.where(_kept(source) | broken)

    def first_days(self, sources: Sequence[FileSource]) -> dict[str, date]:
        """The day of the oldest file of each source that has one a day, by the source's path.

        Raises MissingInputError where a source has no file.
        """
        firsts = {}
        for source in sources:
            path = self._located(source.path or "")
            if DAY in path:
                days = (day_of(entry, path) for entry in self._paths(path, "sources"))
                firsts[str(source.path)] = min(filter(None, days))
        return firsts

    def _table(self, table: str, name: str) -> DataFrame:
        if not self.spark.catalog.tableExists(table):
            raise MissingInputError(
                f"{name}: no table {table} in the metastore; check the name and the metastore's URI"
            )
        named = {SOURCE_FILE: F.lit(table), SOURCE_DAY: F.lit(None).cast("date")}
        return self.spark.table(table).withColumns(named)

    def _files(
        self, source: FileSource, name: str, wanted: Sequence[str], needed: date | None
    ) -> DataFrame:
        path = self._located(str(source.path))
        paths = self._paths(path, name)
        if needed and DAY in path:
            _check_day(needed, paths, path, name)
        options = {key: _option(value) for key, value in source.options.items()}
        if source.format == "csv":
            return self._csv(paths, options, name, wanted, path)
        if source.format == "json":
            frame = self._read("json", paths, {"primitivesAsString": "true"} | options)
        elif source.format == "parquet":
            # Without mergeSchema a column that only newer files have would stay unseen.
            frame = self._read("parquet", paths, {"mergeSchema": "true"} | options)
        elif source.format == "delta":
            # One table: Delta's own log says which files are its newest version.
            frame = self.spark.read.format("delta").options(**options).load(path)
        else:
            frame = self._read(source.format, paths, options)
        return frame.withColumns(file_columns(path))

    def _read(self, form: str, paths: list[str], options: dict[str, str]) -> DataFrame:
        return self.spark.read.format(form).options(**options).load(paths)

    def _located(self, path: str) -> str:
        return path if _ABSOLUTE.match(path) else f"{self.root.rstrip('/')}/{path}"

    def _paths(self, path: str, name: str) -> list[str]:
        files = Files(self.spark)
        found = [entry.path for entry in files.glob(path.replace(DAY, "*"))]
        if DAY in path:
            found = [entry for entry in found if self._is_wanted(day_of(entry, path))]
        if not found:
            days = f" for days {self.since or 'from the first'} to {self.until}" * (DAY in path)
            raise MissingInputError(
                f"{name}: nothing at {path}{days}; check sources.root, the path, and whether the "
                "files were delivered"
            )
        return found

    def _is_wanted(self, day: date | None) -> bool:
        return day is not None and day <= self.until and (self.since is None or day >= self.since)

    def _csv(
        self,
        paths: list[str],
        options: dict[str, str],
        name: str,
        wanted: Sequence[str],
        pattern: str,
    ) -> DataFrame:
        """Files by their header, so that a column added or moved in one file stays in place."""
        files = Files(self.spark)
        groups: dict[str, list[str]] = {}
        for path in _flat(files, paths):
            has_header = options.get("header") == "true"
            header = files.first_line(path, options.get("encoding", "UTF-8")) if has_header else ""
            groups.setdefault(header, []).append(path)
        if not groups:
            raise MissingInputError(f"{name}: every file at {pattern} is empty; deliver it again")
        # A parser that skips the columns nobody asks for does not see that a row has too many.
        asked = {"columnNameOfCorruptRecord": CORRUPT, "columnPruning": "false"}
        frames = []
        for group in groups.values():
            columns = self._read("csv", group[:1], options).columns
            missing = [column for column in wanted if column not in columns]
            if missing:
                raise _missing_column(name, missing[0], group[0], columns)
            schema = ", ".join(f"{quoted(c)} STRING" for c in [*columns, CORRUPT])
            frames.append(
                self.spark.read.schema(schema)
                .options(**options | asked)
                .csv(group)
                .withColumns(file_columns(pattern))
            )
        return reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), frames)


def _check_day(day: date, paths: list[str], pattern: str, name: str) -> None:
    if not any(day_of(entry, pattern) == day for entry in paths):
        raise MissingInputError(
            f"{name}: nothing at {pattern.replace(DAY, day.isoformat())}; the day's delivery is "
            "missing: deliver it and run again, or go on without it by --set "
            "ingest.accept_missing_day=true"
        )


def _flat(files: Files, paths: list[str]) -> Iterator[str]:
    """Every file below the paths, without hidden ones."""
    for path in paths:
        below = files.entries(path)
        for entry in below:
            if entry.name.startswith(("_", ".")):
                continue
            if entry.is_dir:
                yield from _flat(files, [entry.path])
            elif entry.size:
                yield entry.path


def _kept(source: FileSource) -> Column:
    kept = F.lit(True)
    for column, values in source.keep.items():
        kept = kept & named_column(column).cast("string").isin(*values)
    return kept


def _option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _missing_column(name: str, column: str, where: str, found: Sequence[str]) -> DataQualityError:
    names = ", ".join(c for c in found if not c.startswith("_"))
    return DataQualityError(
        f"{name}: the column '{column}' is missing from {where}; found: {names}; correct the "
        "mapping or ask why the column went"
    )
