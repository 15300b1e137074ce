"""From the gold table of a night to the table that readers open."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from typing import Any, Final

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

ROLLED_BACK_FROM: Final = "rolled_back_from"
"""In the manifest of a rollback: the day before which no night reaches readers."""


def newest_day(told: Mapping[str, Any]) -> date | None:
    """The newest day that readers had, by the manifest of what they have; None without any."""
    days = (told.get(name) for name in ("ds", ROLLED_BACK_FROM))
    return max((date.fromisoformat(day) for day in days if day), default=None)


def deciding(run: Run, serving: Table) -> AbstractContextManager[None]:
    """Holds back who else would look at what readers have, and then publish.

    Runs of two days have different locks of their own. Raises LockHeldError where another is not
    done in time.
    """
    if run.dry_run:
        return nullcontext()
    return run.store.locks.hold_in_turn(f"{serving.name}/newest")


def serve(run: Run, serving: Table) -> None:
    """Publishes the rows of ds in the table's history to readers, unless they have a later day's.

    Nor does a day before one that was rolled back from undo the rollback.

    From the published rows, so that both tables hold the same.
    """
    if run.dry_run:
        return
    gold = SERVED[serving]
    with deciding(run, serving):
        told = run.store.last_manifest(serving)
        newest = newest_day(told)
        if newest is not None and newest > run.ds:
            logger().warning(
                "readers keep what is later",
                table=serving.name,
                published=told["ds"],
                **{name: told[name] for name in (ROLLED_BACK_FROM,) if name in told},
                this=run.ds.isoformat(),
            )
            return
        run.store.versions.pop(gold.name, None)
        run.store.publish(run.read(gold, on=run.ds), serving, run.ds)
