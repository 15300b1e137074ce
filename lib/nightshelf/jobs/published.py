"""What a past run published."""

from nightshelf.errors import MissingInputError
from nightshelf.runs import Run
from nightshelf.tables import Store, Table


def published_by(run: Run, table: Table, run_id: str) -> Store:
    """A reader of the table as that run left it.

    Raises MissingInputError where the commit is not told of.
    """
    version = run.store.commits(table).version_by(run_id)
    if version is None:
        raise MissingInputError(
            f"{run_id}: {table.name} has no commit of that run any more; Delta keeps those of the "
            "last 30 days, and jobs/status.py lists runs"
        )
    then = Run(run.spark, run.config, run.ds, run.job, run.run_id)
    then.store.pin({table.name: version})
    return then.store
