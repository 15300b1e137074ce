"""Fourteen nights of a simulated shop that changes: what the gates hold and what the report shows.

    python bench/planted.py [FOLDER]

Writes results/planted.json; the warehouse with its reports stays in FOLDER where one is given. From
the eighth night on something changes each night: all prices by 1.6, a category is launched, a
twentieth of the users are robots for a day, everyone's tastes move on to the next category, and the
ranking model learns at a rate at which it cannot. Gates have the limits of LIMITS; a night that one
of them holds is told, its report is kept, and it is run on from the held step by what PASSED sets,
as by an engineer who has looked.

Told are, for each night, what was changed, how each run of it ended, the figures of drift over a
limit and the largest ones, rows refused as robots', and which model ranked the lists; and seconds
and kilobytes of the last night's report.
"""

import json
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from report import write

from nightshelf.config import load
from nightshelf.errors import DataQualityError, NightshelfError
from nightshelf.jobs import nightly
from nightshelf.jobs import report as page_of
from nightshelf.runs import Run
from nightshelf.runs.record import execute
from nightshelf.runs.run import new_run_id
from nightshelf.session import build

START, FIRST, NIGHTS = date(2026, 1, 1), 30, 14
CHANGES = {
    FIRST + 7: "prices times 1.6",
    FIRST + 8: "a new category",
    FIRST + 9: "robots",
    FIRST + 10: "tastes",
    FIRST + 11: "a broken model",
}
SHOP = (
    "simulate.users=400", "simulate.items=180", f"simulate.days={FIRST + NIGHTS}",
    "simulate.sessions_per_day=0.6", f"simulate.planted.price_day={FIRST + 7}",
    f"simulate.planted.category_day={FIRST + 8}", f"simulate.planted.robots_day={FIRST + 9}",
    f"simulate.planted.taste_day={FIRST + 10}", "evaluate.horizon_days=1",
    "text.enabled=false", "search.enabled=false", "towers.enabled=false", "ctr.epochs=3",
    "spark.shuffle_partitions=2", "recommend.k=10",
)  # fmt: skip
LIMITS = {
    "drift.max_psi": "0.5",
    "drift.max_divergence": "0.1",
    "drift.max_unseen": "0.05",
    "drift.max_change": "0.6",
    "audits.max_score_psi": "0.5",
}
PASSED = {
    "ingest": "ingest.quarantine_limits={{robot: 1.0}}",
    "check_drift": "drift.since={ds}",
    "recommend": "audits.max_score_psi=null",
}
"""What lets a night go on that was held in a step; of drift for later nights, too."""
BROKEN = ("ctr.learning_rate=30.0",)
LARGEST = 3


@dataclass
class Warehouse:
    """The shop's folder, the session in which its nights are run, and what they all are told."""

    root: Path
    spark: SparkSession
    standing: tuple[str, ...]

    def night(self, ds: date, first: str, sets: tuple[str, ...] = ()) -> tuple[int, str | None]:
        """Runs the steps of a night from the first on; its exit code and what it said."""
        try:
            run = self.run("nightly", ds, *sets)
            nightly.night(run, nightly.STEPS[nightly.NAMES.index(first) :])
        except NightshelfError as error:
            return error.exit_code, str(error)
        return 0, None

    def run(self, job: str, ds: date, *sets: str) -> Run:
        """A run of a job for a day, told what all are and these settings."""
        config = load(None, [f"warehouse.root={self.root}", *self.standing, *sets])
        return Run(self.spark, config, ds, job, new_run_id(ds))

    def rows(self, table: str, query: str) -> list[Any]:
        """What DuckDB finds in the newest version of a table; nothing where there is none."""
        if not (self.root / table).exists():
            return []
        return duckdb.execute(query, [DeltaTable(str(self.root / table)).file_uris()]).fetchall()


def night(shop: Warehouse, day: int) -> dict[str, Any]:
    """Runs a night to its end, and tells of it."""
    ds = START + timedelta(days=day)
    sets = BROKEN if CHANGES.get(day) == "a broken model" else ()
    runs = [shop.night(ds, "simulate_shop" if day == FIRST else "ingest", sets)]
    while runs[-1][0] == DataQualityError.exit_code and len(runs) <= len(PASSED):
        page = shop.root / "report" / f"{ds}.html"
        page.rename(page.with_suffix(f".held{len(runs)}.html"))
        step = _held(shop, ds)
        passed = PASSED[step].format(ds=ds)
        if step == "check_drift":
            shop.standing = (*shop.standing, passed)
        sets = (*sets, passed)
        runs.append(shop.night(ds, step, sets))
    return {
        "ds": ds.isoformat(),
        "changed": CHANGES.get(day),
        "runs": [{"exit_code": code, "message": message} for code, message in runs],
        **_seen(shop, ds),
    }


def _held(shop: Warehouse, ds: date) -> str:
    """The step that a gate held."""
    query = (
        f"SELECT job FROM read_parquet(?) WHERE ds = '{ds}' AND exit_code = 65 "
        "AND job != 'nightly' ORDER BY started DESC LIMIT 1"
    )
    return str(shop.rows("ops/job_runs", query)[0][0])


def _seen(shop: Warehouse, ds: date) -> dict[str, Any]:
    of_day = f"FROM read_parquet(?) WHERE ds = '{ds}'"
    drift = shop.rows(
        "gold/drift",
        "SELECT subject || '.' || name, measure, round(value, 3) "
        f"{of_day} ORDER BY measure, value DESC, name",
    )
    ndcg = shop.rows(
        "gold/evaluation",
        "SELECT round(value, 4) FROM read_parquet(?) WHERE model = 'nightshelf' AND source = 'all' "
        f"AND segment = 'all' AND metric = 'ndcg@10' AND ds = '{ds - timedelta(days=1)}'",
    )
    robots = shop.rows("quarantine/events", f"SELECT count(*) {of_day} AND reason_code = 'robot'")
    lists = shop.rows("gold/recommendations", f"SELECT any_value(model_id) {of_day}")
    models = shop.rows("ops/models", f"SELECT status, why {of_day} ORDER BY told_at DESC LIMIT 1")
    failed = shop.rows(
        "ops/job_runs", f"SELECT job, message {of_day} AND exit_code != 0 ORDER BY started"
    )
    return {
        "largest": {
            measure: [row for row in drift if row[1] == measure][:LARGEST]
            for measure in sorted({row[1] for row in drift})
        },
        "over_limit": [row for row in drift if row[2] > _limit(row[1])],
        "failed": failed,
        "robots_rows": robots[0][0] if robots else 0,
        "ranked_by": lists[0][0] if lists else None,
        "model": list(models[0]) if models else None,
        "ndcg@10_of_the_day_before": ndcg[0][0] if ndcg else None,
    }


def _limit(measure: str) -> float:
    """What the gate was set to, also on a day that was let pass."""
    return float(LIMITS[f"drift.max_{measure}"])


def reported(shop: Warehouse, ds: date) -> dict[str, Any]:
    """Seconds and size of a night's report, and how many nights there were until now."""
    outcome = execute(page_of.JOB, shop.run("report", ds))
    nights = "SELECT count(DISTINCT ds) FROM read_parquet(?) WHERE job = 'nightly'"
    return {
        "nights": shop.rows("ops/job_runs", nights)[0][0],
        "seconds": outcome.seconds,
        "kb": round((shop.root / "report" / f"{ds}.html").stat().st_size / 1024),
    }


def main() -> None:
    """Runs the nights and writes the file."""
    given = sys.argv[1:2]
    with nullcontext(given[0]) if given else tempfile.TemporaryDirectory() as folder:
        spark = build(load(None, [*SHOP, "spark.master=local[2]"]).spark, "planted bench")
        limits = tuple(f"{key}={value}" for key, value in LIMITS.items())
        shop = Warehouse(Path(folder).resolve(), spark, (*SHOP, *limits))
        nights = []
        for day in range(FIRST, FIRST + NIGHTS):
            nights.append(night(shop, day))
            print(json.dumps(nights[-1]), file=sys.stderr)
        report = reported(shop, START + timedelta(days=FIRST + NIGHTS - 1))
    write("planted", {"nights": nights, "report": report})


if __name__ == "__main__":
    main()
