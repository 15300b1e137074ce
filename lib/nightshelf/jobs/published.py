"""What a past run published."""

from datetime import date

from nightshelf.errors import ConfigError, MissingInputError
from nightshelf.runs import Run
from nightshelf.runs.record import parse_ds
from nightshelf.tables import Store, Table


def published_by(run: Run, table: Table, run_id: str) -> Store:
    """A reader of the table as that run left it.

    Raises MissingInputError where the commit is not told of, and when it is read where its files
    are gone.
    """
    version = run.store.commits(table).version_by(run_id)
    if version is None:
        raise MissingInputError(
            f"{run_id}: {table.name} has no commit of that run any more; Delta keeps those of the "
            "last 30 days, and jobs/status.py lists runs"
        )
    then = Store(run.spark, run.config.warehouse, run.run_id)
    then.pin({table.name: version})
    return then


def day_of(run_id: str | None, option: str) -> date | None:
    """The day that a run's id begins with; None where no run is named."""
    return parse_ds(run_id[:10], option) if run_id else None


def check_day(ds: date, run_id: str, option: str) -> None:
    """Raises ConfigError where --ds contradicts the run."""
    if ds != day_of(run_id, option):
        raise ConfigError(f"{option} {run_id} names the day: leave --ds out")
