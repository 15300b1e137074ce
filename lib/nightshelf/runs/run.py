"""One run of one job: what it reads, publishes and counts."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from nightshelf import __version__
from nightshelf.config import Config, config_hash
from nightshelf.runs.logs import logger
from nightshelf.tables import Check, Store, Table


class Skipped(Exception):  # noqa: N818 (not an error)
    """Raised by a job that has nothing to do; its message says why."""


@dataclass
class Run:
    """What a job's `run` works with. `rows_in` and `rows_out` are told in the run's record.

    `told`: what else the line that sums up the run says.
    """

    spark: SparkSession
    config: Config
    ds: date
    job: str
    run_id: str
    dry_run: bool = False
    rows_in: int = 0
    rows_out: int = 0
    told: dict[str, Any] = field(default_factory=dict)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(
            self.spark,
            self.config.warehouse,
            self.run_id,
            manifest={
                "run_id": self.run_id,
                "job": self.job,
                "code_version": __version__,
                "config_hash": config_hash(self.config),
            },
            dry_run=self.dry_run,
        )

    def read(self, table: Table, *, until: date | None = None, on: date | None = None) -> DataFrame:
        """The table's rows, at the version that this run saw first."""
        return self.store.read(table, until=until, on=on)

    def tell(self, **facts: Any) -> None:
        """Adds facts to the line that sums up the run."""
        self.told |= facts

    def publish(
        self,
        frame: DataFrame,
        table: Table,
        *,
        since: date | None = None,
        about: Mapping[str, Any] | None = None,
        in_ranges: bool = False,
        check: Check | None = None,
    ) -> int:
        """Publishes the frame as the table's day ds, or its days from `since` on; returns rows.

        See `Store.publish`.
        """
        rows = self.store.publish(
            frame, table, self.ds, since=since, about=about, in_ranges=in_ranges, check=check
        )
        self.rows_out += rows
        logger().debug("dry run" if self.dry_run else "published", table=table.name, rows=rows)
        return rows


@dataclass(frozen=True)
class Job:
    """A job: its name, what it does, and the tables and places whose locks it holds meanwhile.

    places: what it writes besides tables, each by a name of its own.
    """

    name: str
    run: Callable[[Run], None]
    writes: tuple[Table, ...] = ()
    places: tuple[str, ...] = ()

    def locks(self, ds: date) -> tuple[str, ...]:
        """Names of the locks that a run of the day holds."""
        held = (*(table.name for table in self.writes), *self.places)
        return tuple(f"{name}/{ds.isoformat()}" for name in held)


def new_run_id(ds: date) -> str:
    """An id that no other run has, which sorts by business date."""
    return f"{ds.isoformat()}-{uuid.uuid4().hex[:12]}"
