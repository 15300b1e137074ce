"""From the gold table of a night to the table that readers open."""

from datetime import date
from typing import Final

from nightshelf.runs import Run
from nightshelf.runs.logs import logger
from nightshelf.tables import (
    GOLD_RECOMMENDATIONS,
    GOLD_SEARCH_RESULTS,
    SERVING_RECOMMENDATIONS,
    SERVING_SEARCH_RESULTS,
    Table,
)

SERVED: Final = {
    SERVING_RECOMMENDATIONS: GOLD_RECOMMENDATIONS,
    SERVING_SEARCH_RESULTS: GOLD_SEARCH_RESULTS,
}
"""What readers open, and the history by day of which it holds one."""


def serve(run: Run, serving: Table) -> None:
    """Publishes the rows of ds in the table's history to readers, unless they have a later day's.

    From the published rows, so that both tables hold the same.
    """
    if run.dry_run:
        return
    gold = SERVED[serving]
    # Nights of two days at once have different locks: no day must come between look and commit.
    with run.store.lock(f"{serving.name}/newest", run.config.warehouse.commit_wait_seconds):
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
