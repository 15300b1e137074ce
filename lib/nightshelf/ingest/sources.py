"""Reads the files and tables that `sources` describes, row for row as they are."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import TypeVar

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.config import (
    ColumnRef,
    FileSource,
    ItemSource,
    JoinedSpec,
    ReviewSource,
    UserSource,
)
from nightshelf.errors import ConfigError, DataQualityError, MissingInputError
from nightshelf.tables.files import Files

S = TypeVar("S", ItemSource, UserSource, ReviewSource)

CORRUPT = "_corrupt_record"
SOURCE_FILE = "_source_file"
SOURCE_DAY = "_source_day"
DAY = "{ds}"
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
                another = _named_column(column_names(source.columns.values())[0])
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
                days = (_day_of(entry, path) for entry in self._paths(path, "sources"))
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
        return frame.withColumns(_file_columns(path))

    def _read(self, form: str, paths: list[str], options: dict[str, str]) -> DataFrame:
        return self.spark.read.format(form).options(**options).load(paths)

    def _located(self, path: str) -> str:
        return path if _ABSOLUTE.match(path) else f"{self.root.rstrip('/')}/{path}"

    def _paths(self, path: str, name: str) -> list[str]:
        files = Files(self.spark)
        found = [entry.path for entry in files.glob(path.replace(DAY, "*"))]
        if DAY in path:
            found = [entry for entry in found if self._is_wanted(_day_of(entry, path))]
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
            schema = ", ".join(f"`{c.replace('`', '``')}` STRING" for c in [*columns, CORRUPT])
            frames.append(
                self.spark.read.schema(schema)
                .options(**options | asked)
                .csv(group)
                .withColumns(_file_columns(pattern))
            )
        return reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), frames)


def _check_day(day: date, paths: list[str], pattern: str, name: str) -> None:
    if not any(_day_of(entry, pattern) == day for entry in paths):
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
        kept = kept & F.col(f"`{column}`").cast("string").isin(*values)
    return kept


def _option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _day_of(entry: str, pattern: str) -> date | None:
    """The day that a file's or folder's path tells where the pattern has {ds}."""
    match = re.search(_day_in(pattern), entry)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def _file_columns(pattern: str) -> dict[str, Column]:
    """The name of a row's file, and the day that its path tells where the pattern has {ds}."""
    day = F.lit(None).cast("date")
    if DAY in pattern:
        day = F.to_date(F.regexp_extract(F.col("_metadata.file_path"), _day_in(pattern), 1))
    return {SOURCE_FILE: F.col("_metadata.file_name"), SOURCE_DAY: day}


def _day_in(pattern: str) -> str:
    """A regular expression of the paths at and below the pattern; its first group is the day.

    Spark tells paths URL-encoded: what may be written otherwise there matches anything.
    """
    # What comes before the folder with the day may be told in full, or by links.
    told = pattern[pattern.rfind("/", 0, pattern.index(DAY)) + 1 :]
    before, *after = (
        "[^/]*".join(map(re.escape, re.split(r"[^a-zA-Z0-9_./-]+", part)))
        for part in told.split(DAY)
    )
    return rf"^.*/{before}(\d{{4}}-\d{{2}}-\d{{2}})" + r"(?:\1)".join(after) + "(/.*)?$"


def _missing_column(name: str, column: str, where: str, found: Sequence[str]) -> DataQualityError:
    names = ", ".join(c for c in found if not c.startswith("_"))
    return DataQualityError(
        f"{name}: the column '{column}' is missing from {where}; found: {names}; correct the "
        "mapping or ask why the column went"
    )


def column_names(refs: Iterable[ColumnRef]) -> list[str]:
    """The source columns that the references name, each once, in order."""
    return list(dict.fromkeys(name for ref in refs for name in _named(ref)))


def _named(ref: ColumnRef) -> Sequence[str]:
    if isinstance(ref, JoinedSpec):
        return ref.join
    return [ref if isinstance(ref, str) else ref.column]


def _named_column(name: str) -> Column:
    return F.col(f"`{name}`")


def value(ref: ColumnRef, column: Callable[[str], Column] = _named_column) -> Column:
    """The referenced value as STRING: the column, the wanted part of it, in the wanted type.

    Of joined columns null where one of them is. `column`: where a source column is found by name.
    """
    if isinstance(ref, JoinedSpec):
        parts = [part for name in ref.join for part in (F.lit(ref.by), value(name, column))]
        return F.concat(*parts[1:])
    if isinstance(ref, str):
        return column(ref).cast("string")
    found = column(ref.column).cast("string")
    if ref.split is not None:
        if not ref.split:
            raise ConfigError(f"column {ref.column}: 'split' needs at least one character")
        found = F.get(F.split(found, re.escape(ref.split)), ref.part)
    if ref.cast == "bigint":
        # Through double, since ids exported by pandas read '17850.0'.
        found = F.coalesce(found.try_cast("bigint"), found.try_cast("double").try_cast("bigint"))
    elif ref.cast is not None:
        found = found.try_cast(ref.cast)
    return found.cast("string")
