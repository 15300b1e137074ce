"""What moved: the drift of features, labels and events."""

from collections.abc import Mapping

from pyspark.sql import Row
from pyspark.sql import functions as F

from nightshelf.evaluation.feature_drift import values_told
from nightshelf.jobs.past_runs import why_not
from nightshelf.report.page import Block, Note, Section, Table
from nightshelf.runs import Run
from nightshelf.tables import DRIFT

TOP = 8
TITLES = {
    "psi": "Numbers that moved most (PSI: below 0.1 stable, above 0.25 moved)",
    "divergence": "Categories that moved most (0 the same, 1 nothing in common)",
    "unseen": "New values of categories (share of users or items that have one)",
    "change": "Events and labels (relative change)",
}


def what_moved(run: Run, ran: Mapping[str, Row]) -> Section:
    """The farthest of each measure, and those over their limits; why there is nothing of ds."""
    title = "What moved?"
    rows: list[Row] = []
    if run.store.version(DRIFT) is not None:
        told = run.read(DRIFT, on=run.ds)
        rows = told.orderBy(F.desc("value"), "subject", "name").collect()
    if not rows:
        off = None if run.config.drift.enabled else "drift.enabled"
        nothing = f"Nothing to compare {run.ds} with."
        why = why_not(ran, "check_drift", otherwise=nothing, off=off)
        return Section("drift", title, [Note(why)])
    blocks: list[Block] = [
        Note(
            f"{r['subject']}.{r['name']}: {r['measure']} {r['value']:.3f}, over its limit "
            f"{r['limit_value']:g}{values_told(r)}",
            is_alarm=True,
        )
        for r in rows
        if r["limit_value"] is not None and r["value"] > r["limit_value"]
    ]
    for measure, heading in TITLES.items():
        some = [r for r in rows if r["measure"] == measure and r["value"] > 0][:TOP]
        cells = [
            [
                r["subject"],
                r["name"] + values_told(r),
                f"{r['value']:.3f}",
                f"{r['before']:,}",
                f"{r['now']:,}",
            ]
            for r in some
        ]
        if cells:
            head = ("of", "name", "moved", "before", "now")
            blocks.append(Table(heading, head, cells, frozenset({2, 3, 4})))
    if all(row["subject"] in ("events", "labels") for row in rows):
        why = why_not(ran, "build_features", otherwise="No earlier day has any.")
        blocks.append(Note(f"Features were not compared. {why}"))
    return Section("drift", title, blocks or [Note("Nothing moved.")])
