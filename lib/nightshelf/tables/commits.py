"""What the commits of a table tell: who published which days, with how many rows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from delta.tables import DeltaTable
from pyspark.sql import SparkSession

SAME_ROWS: Final = (
    "OPTIMIZE",
    "VACUUM START",
    "VACUUM END",
    "ADD CONSTRAINT",
    "DROP CONSTRAINT",
    "SET TBLPROPERTIES",
)
"""Operations that change no row."""
ANY_ROWS: Final = ("DELETE", "UPDATE")
"""Operations that change rows of days that nobody tells: the manifest is retold from a publish."""

ROWS_BY_DAY: Final = "rows_by_day"
"""In a manifest: the rows of each day, where the commits that told them are gone."""
LENGTH: Final = "k"
"""In a manifest: how long the lists of the day may be."""

_NO_TELLING: Final = date.min.isoformat()


@dataclass(frozen=True)
class Commit:
    """A version, the operation that made it, and what a publish told; nothing of other commits."""

    version: int
    operation: str
    manifest: dict[str, Any]

    @property
    def first_day(self) -> date:
        """The first day whose rows it may have changed; `date.min` where there is no telling."""
        if self.operation in ANY_ROWS:
            return date.min
        return date.fromisoformat(self.manifest.get("since", _NO_TELLING))


@dataclass(frozen=True)
class Commits:
    """Commits of a table, the newest first: those of the last 30 days, which Delta keeps."""

    commits: tuple[Commit, ...]

    @staticmethod
    def of(spark: SparkSession, path: str) -> "Commits":
        """Of the table at a path."""
        history = DeltaTable.forPath(spark, path).history()
        rows = history.select("version", "operation", "userMetadata").collect()
        return Commits(tuple(Commit(v, o, _manifest(told)) for v, o, told in rows))

    def __iter__(self) -> Iterator[Commit]:
        return iter(self.commits)

    def manifests(self) -> Iterator[dict[str, Any]]:
        """What each publish told, the newest first."""
        return (commit.manifest for commit in self if commit.manifest)

    def manifest(self, until: int | None = None) -> dict[str, Any]:
        """That of the rows as they are at a version: of the last commit that changed some."""
        for commit in self:
            if until is not None and commit.version > until:
                continue
            if commit.manifest or commit.operation not in SAME_ROWS:
                return commit.manifest
        return {}

    def newest_day(self, until: date) -> dict[str, Any]:
        """The last manifest of the newest day up to `until` that was published; empty if none."""
        days = (told for told in self.manifests() if told["ds"] <= until.isoformat())
        return max(days, key=_day, default={})

    def nearest_day(self, day: date) -> dict[str, Any]:
        """That of the newest day up to `day`; where none is so old, of the first one after it."""
        return self.newest_day(day) or min(self.manifests(), key=_day, default={})

    def version_by(self, run_id: str) -> int | None:
        """The version that a run's publish made; None where it is not told of."""
        made = (c.version for c in self if c.manifest.get("run_id") == run_id)
        return next(made, None)

    def rows_by_day(self, k: int | None = None) -> dict[date, int]:
        """The rows that were published last for each day that was published by itself.

        Of days before a user was erased: the rows that were left of each. k: without the days
        whose commits tell that their lists were of another length.
        """
        rows: dict[date, tuple[int, int | None]] = {}
        for commit in self:
            told = commit.manifest
            for day, n in told.get(ROWS_BY_DAY, {}).items():
                rows.setdefault(date.fromisoformat(day), (n, None))
            if told and told["ds"] == told["since"]:
                rows.setdefault(date.fromisoformat(told["ds"]), (told["rows"], told.get(LENGTH)))
        return {day: n for day, (n, own) in rows.items() if k is None or own in (None, k)}

    def rows_before(self, ds: date, *, last: int, k: int | None = None) -> dict[date, int]:
        """Of `rows_by_day(k)` the last so many days before ds that had rows, the newest first."""
        days = {day: n for day, n in self.rows_by_day(k).items() if day < ds and n}
        return {day: days[day] for day in sorted(days, reverse=True)[:last]}

    def first_day_changed(self, after: int, until: int) -> date | None:
        """The first day that commits between two versions may have changed; None: no day.

        `date.min` where there is no telling.
        """
        later = [commit for commit in self if after < commit.version <= until]
        if len(later) != until - after:
            return date.min
        days = [commit.first_day for commit in later if commit.operation not in SAME_ROWS]
        return min(days, default=None)


def _manifest(told: str | None) -> dict[str, Any]:
    """What a publish told of itself; empty where the commit is another's, whatever it says."""
    try:
        found = json.loads(told or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) and {"ds", "since"} <= found.keys() else {}


def _day(manifest: dict[str, Any]) -> str:
    return str(manifest["ds"])
