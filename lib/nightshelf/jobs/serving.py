"""From the gold table of a night to the table that readers open."""

from datetime import date

from nightshelf.runs import Run
from nightshelf.runs.logs import logger
from nightshelf.tables import Table


def serve(run: Run, gold: Table, serving: Table) -> None:
    """Publishes the gold table's rows of ds to readers, unless they have a later day's already.

    From the published rows, so that both tables hold the same.
    """
    if run.dry_run:
        return
    newest = run.store.last_manifest(serving).get("ds")
    if newest is not None and date.fromisoformat(newest) > run.ds:
        logger().warning(
            "readers keep what is later",
            table=serving.name,
            published=newest,
            this=run.ds.isoformat(),
        )
        return
    run.store.versions.pop(gold.name, None)
    run.store.publish(run.read(gold, on=run.ds), serving, run.ds)
