"""The only reader and writer of tables: stage, audit, publish in one atomic commit."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F

from nightshelf.columns import DS
from nightshelf.config import WarehouseConfig
from nightshelf.errors import MissingInputError
from nightshelf.literals import frame_of
from nightshelf.tables.audit import audit, conform, with_optional
from nightshelf.tables.commits import Commits
from nightshelf.tables.contract import Table
from nightshelf.tables.digest import digest
from nightshelf.tables.files import FileInfo, Files, literal
from nightshelf.tables.layout import laid_out
from nightshelf.tables.metastore import check_name, register
from nightshelf.tables.parquet import contents
from nightshelf.tables.warehouse_locks import WarehouseLocks

SERVED_ROW_GROUP_BYTES: Final = 4 * 2**20
"""Readers of one key read one group of rows of each column: a small one is quick."""
ROWS_A_FILE: Final = 4_000_000  # staged: the audit may have to read a file as a whole
_METADATA: Final = "spark.databricks.delta.commitInfo.userMetadata"
_ROW_GROUP: Final = "parquet.block.size"
_PROMISE: Final = "contract"
_COMMIT = re.compile(r"^(\d{20})\.json$")

Check = Callable[[DataFrame, int], Mapping[str, float]]
"""A staged result, its number of rows -> figures for the manifest.

Raises DataQualityError where they are wrong.
"""


@dataclass
class Store:
    """The tables below one warehouse root, as one run sees them.

    Every table is read at one version for the whole run: the one found at its first read, kept in
    `versions`. `manifest` goes into the metadata of each commit. A `pinned` store knows no other
    versions than those, and of what it would publish it keeps the digest.
    """

    spark: SparkSession
    config: WarehouseConfig
    run_id: str
    manifest: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    versions: dict[str, int] = field(default_factory=dict)
    pinned: bool = field(default=False, init=False)
    digests: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.files = Files(self.spark)
        self.root = self.files.qualified(self.config.root).rstrip("/")
        self.locks = WarehouseLocks(self.files, f"{self.root}/_locks", self.run_id, self.config)

    def pin(self, versions: Mapping[str, int]) -> None:
        """From now on the tables are as they were at these versions, and there are no others."""
        self.versions, self.pinned, self.dry_run = dict(versions), True, True

    def path(self, table: Table) -> str:
        return f"{self.root}/{table.path}"

    def files_of(self, table: Table) -> list[FileInfo]:
        """The files below the table's folder, of all versions; its log aside."""
        return self.files.below(self.path(table), leave_out="_delta_log")

    def version(self, table: Table) -> int | None:
        """The newest version of the table; None where it has never been published."""
        if self.pinned:
            return self.versions.get(table.name)
        found = self.files.entries(f"{self.path(table)}/_delta_log")
        commits = [int(match[1]) for entry in found if (match := _COMMIT.match(entry.name))]
        return max(commits, default=None)

    def read(self, table: Table, *, until: date | None = None, on: date | None = None) -> DataFrame:
        """The table's rows, of days up to `until` or of the day `on` where it is daily.

        Raises MissingInputError where it was never published, and where the version that the store
        is pinned to is kept no more.
        """
        version = self.versions.get(table.name)
        if version is None:
            version = self.version(table)
        if version is None:
            raise MissingInputError(
                f"{table.name}: no such table yet at {self.path(table)}; run the step that writes "
                "it first, or check warehouse.root"
            )
        self.versions[table.name] = version
        frame = self._kept(table, version) if self.pinned else self._at(table, version)
        frame = frame.transform(with_optional(table))
        if until is not None:
            frame = frame.where(F.col(DS) <= F.lit(until))
        if on is not None:
            frame = frame.where(F.col(DS) == F.lit(on))
        return frame

    def _at(self, table: Table, version: int) -> DataFrame:
        return self.spark.read.format("delta").option("versionAsOf", version).load(self.path(table))

    def _kept(self, table: Table, version: int) -> DataFrame:
        """The version of a pinned store; of its files those that the newest lacks may be gone."""
        try:
            frame = self._at(table, version)
            newest = self.spark.read.format("delta").load(self.path(table))
        except AnalysisException:
            gone = True
        else:
            replaced = set(frame.inputFiles()) - set(newest.inputFiles())
            gone = not all(map(self.files.exists, sorted(replaced)))
        if gone:
            raise MissingInputError(
                f"{table.name}: version {version} is kept no more: jobs/maintain.py, "
                "jobs/erase_user.py or Delta, after 30 days, took its files or its log away; "
                "choose a later run (jobs/status.py lists them)"
            )
        return frame

    def contents(
        self, table: Table, *, until: date | None = None, after: date | None = None
    ) -> DataFrame:
        """[path string, content binary]: the Parquet files in which those days lie, each a row.

        For `parquet.rows`. A file may also hold other days.
        """
        frame = self.read(table, until=until)
        files = (frame if after is None else frame.where(F.col(DS) > F.lit(after))).inputFiles()
        return contents(self.spark, files)

    def has(self, table: Table, on: date) -> bool:
        """Whether a day of the table was published with rows."""
        return self.version(table) is not None and not self.read(table, on=on).isEmpty()

    def commits(self, table: Table) -> Commits:
        """What the table's commits tell; nothing where it was never published."""
        if self.version(table) is None:
            return Commits(())
        return Commits.of(self.spark, self.path(table))

    def last_manifest(self, table: Table) -> dict[str, Any]:
        """The manifest of what was published last; empty where nothing was."""
        return self.commits(table).manifest()

    def manifest_read(self, table: Table) -> dict[str, Any]:
        """The manifest of what this run reads; empty where nothing was published."""
        if self.version(table) is None:
            return {}
        self.read(table)
        return self.commits(table).manifest(self.versions[table.name])

    @contextmanager
    def telling(self, manifest: Mapping[str, Any]) -> Iterator[None]:
        """Gives every commit made inside the manifest, where it is not empty."""
        with self.setting(_METADATA, json.dumps(manifest, sort_keys=True) if manifest else None):
            yield

    @contextmanager
    def setting(self, key: str, value: str | None) -> Iterator[None]:
        """Holds a setting of the session at a value; None leaves it."""
        before = self.spark.conf.get(key, None)
        if value is not None:
            self.spark.conf.set(key, value)
        try:
            yield
        finally:
            if before is None:
                self.spark.conf.unset(key)
            else:
                self.spark.conf.set(key, before)

    def changed_since(self, table: Table, version: int) -> date | None:
        """The first day that commits after a version may have changed; None: no day.

        Up to the version that this run reads; `date.min` where there is no telling.
        """
        self.read(table)
        return self.commits(table).first_day_changed(version, self.versions[table.name])

    def digest(self, table: Table, on: date | None = None) -> str:
        """The digest of the table, or of one day of it; equal for reruns of the same night."""
        return digest(self.read(table, on=on), ignore=table.lineage)

    def publish(
        self,
        frame: DataFrame,
        table: Table,
        ds: date,
        *,
        since: date | None = None,
        about: Mapping[str, Any] | None = None,
        in_ranges: bool = False,
        check: Check | None = None,
    ) -> int:
        """Replaces the day `ds` of a daily table, the days from `since` to `ds`, or a whole table.

        `about` joins the run's manifest in the commit. `in_ranges`: the frame's partitions are
        ranges of the table's layout, one behind the other. `check` looks at the staged rows once
        they keep the contract. Returns the rows published. The caller holds the lock of
        (table, ds). Raises, with nothing changed, DataQualityError where the frame breaks the
        table's contract or does not pass the check, ConfigError where the metastore's name of the
        table leads elsewhere.
        """
        since, database = since or ds, self.config.metastore_database
        if database is not None:
            check_name(self.spark, self.files, database, table, self.path(table))
        manifest = {
            **self.manifest,
            **(about or {}),
            "table": table.name,
            "ds": ds.isoformat(),
            "since": since.isoformat(),
            "input_versions": dict(sorted(self.versions.items())),
        }
        staging = f"{self.root}/_staging/{table.name}/{ds.isoformat()}"
        self.files.delete(staging)
        try:
            self._stage(conform(frame, table), staging)
            staged = self.spark.read.schema(table.schema).parquet(literal(staging))
            files = [f for f in self.files.entries(staging) if f.name.endswith(".parquet")]
            rows = audit(staged, [f.path for f in files], table, since, ds)
            manifest |= {"rows": rows} | ({"audits": dict(check(staged, rows))} if check else {})
            if self.pinned:
                self.digests[table.name] = digest(staged, ignore=table.lineage)
            if not self.dry_run:
                with self.locks.committing(table):
                    days = f"{DS} >= DATE'{since}' AND {DS} <= DATE'{ds}'"
                    ordered = laid_out(staged, files, table, in_ranges=in_ranges)
                    self._commit(ordered, table, days, manifest)
                    if database is not None:
                        register(self.spark, database, table, self.path(table))
        finally:
            self.files.delete(staging)
        return rows

    def append(self, frame: DataFrame, table: Table) -> None:
        """Adds rows to a table of records, which no rerun replaces."""
        with self.locks.committing(table):
            writer = conform(frame, table).write.format("delta").mode("append")
            writer.option("mergeSchema", "true").save(self.path(table))

    def append_row(self, row: Sequence[Any], table: Table) -> None:
        """Adds one row, its values in the order of the columns, to a table of records."""
        self.append(frame_of(self.spark, [row], table.schema), table)

    def _stage(self, frame: DataFrame, staging: str) -> None:
        """Computes the frame once, where no reader looks."""
        frame.write.option("maxRecordsPerFile", ROWS_A_FILE).parquet(staging)

    def _commit(
        self, frame: DataFrame, table: Table, days: str, manifest: Mapping[str, Any]
    ) -> None:
        """One atomic commit, with the manifest in its metadata.

        Columns that the contract has gained since the last commit join the table.
        """
        writer: DataFrameWriter = (
            frame.write.format("delta")
            .mode("overwrite")
            .option("userMetadata", json.dumps(manifest, sort_keys=True))
            .option("mergeSchema", "true")
        )
        if table.daily:
            writer = writer.option("replaceWhere", days)
            if table.partitioned:
                writer = writer.partitionBy(DS)
        if not table.served:
            writer.save(self.path(table))
            return
        # Delta refuses, from any writer, rows that break the contract column by column. What an
        # earlier release promised may refuse what is written now.
        place = f"delta.`{self.path(table).replace('`', '``')}`"
        known = self._promised(table)
        if known not in (None, table.promise):
            self.spark.sql(f"ALTER TABLE {place} DROP CONSTRAINT {_PROMISE}")
        with self.setting(_ROW_GROUP, str(SERVED_ROW_GROUP_BYTES)):
            writer.save(self.path(table))
        if known != table.promise:
            self.spark.sql(f"ALTER TABLE {place} ADD CONSTRAINT {_PROMISE} CHECK ({table.promise})")

    def _promised(self, table: Table) -> str | None:
        """The table's CHECK constraint, as Delta knows it."""
        if self.version(table) is None:
            return None
        detail = DeltaTable.forPath(self.spark, self.path(table)).detail().collect()[0]
        found: str | None = detail["properties"].get(f"delta.constraints.{_PROMISE}")
        return found
