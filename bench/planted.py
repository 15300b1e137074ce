"""Fourteen nights of a simulated shop that changes: what the gates hold and what the report shows.

    python bench/planted.py [FOLDER]

Writes results/planted.json; the warehouse with its reports stays in FOLDER where one is given. From
the eighth night on something changes each night: all prices by 1.6, a category is launched, a
twentieth of the users are robots for a day, everyone's tastes move on to the next category, and the
ranking model learns at a rate at which it cannot. Gates have the limits of LIMITS; a night that one
of them holds is told, its report is kept, and it is run on from the held step with the limits
lifted, as by an engineer who has looked.

Told are, for each night, what was changed, how each run of it ended, the figures of drift over a
limit and the largest ones, rows refused as robots', and which model ranked the lists; and seconds
and kilobytes of the last night's report.
"""

import json
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable
from report import ROOT, write

from nightshelf.jobs.nightly import NAMES

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
    "drift.max_change": "0.6",
    "audits.max_score_psi": "0.5",
}
BROKEN = ("ctr.learning_rate=30.0",)
LARGEST = 3


@dataclass(frozen=True)
class Warehouse:
    """The shop's folder and what its nights are run with."""

    root: Path

    def job(self, name: str, ds: date, *arguments: str, sets: tuple[str, ...] = ()) -> Any:
        """Runs a job; its status with the lines that it told."""
        status = self.root / "status.json"
        command = [sys.executable, str(ROOT / "jobs" / f"{name}.py"), "--ds", ds.isoformat()]
        command += ["--status-file", str(status), *arguments]
        told = (f"warehouse.root={self.root}", "spark.master=local[2]", "logging.format=json")
        for setting in (*told, *SHOP, *sets):
            command += ["--set", setting]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        return {**json.loads(status.read_text()), "lines": lines}

    def rows(self, table: str, query: str) -> list[Any]:
        """What DuckDB finds in the newest version of a table."""
        files = DeltaTable(str(self.root / table)).file_uris()
        return duckdb.execute(query, [files]).fetchall()


def night(shop: Warehouse, day: int) -> dict[str, Any]:
    """Runs a night to its end, and tells of it."""
    ds = START + timedelta(days=day)
    limits = tuple(f"{key}={value}" for key, value in LIMITS.items())
    broken = BROKEN if CHANGES.get(day) == "a broken model" else ()
    steps = ("--from", "ingest") if day > FIRST else ()
    runs = [shop.job("nightly", ds, *steps, sets=(*limits, *broken))]
    if runs[0]["exit_code"] == 65:
        page = shop.root / "report" / f"{ds}.html"
        page.rename(page.with_suffix(".held.html"))
        lifted = tuple(f"{key}=null" for key in LIMITS)
        runs.append(shop.job("nightly", ds, "--from", _held(runs[0]), sets=(*lifted, *broken)))
    return {
        "ds": ds.isoformat(),
        "changed": CHANGES.get(day),
        "runs": [
            {"exit_code": run["exit_code"], "message": run["message"], "warned": _warned(run)}
            for run in runs
        ],
        **_seen(shop, ds),
    }


def _seen(shop: Warehouse, ds: date) -> dict[str, Any]:
    moved = (
        "SELECT subject || '.' || name, measure, round(value, 3), value > limit_value "
        f"FROM read_parquet(?) WHERE ds = '{ds}' ORDER BY measure, value DESC"
    )
    drift = shop.rows("gold/drift", moved)
    robots = f"SELECT count(*) FROM read_parquet(?) WHERE ds = '{ds}' AND reason_code = 'robot'"
    model = f"SELECT any_value(model_id) FROM read_parquet(?) WHERE ds = '{ds}'"
    ndcg = (
        "SELECT round(value, 4) FROM read_parquet(?) WHERE model = 'nightshelf' AND source = 'all' "
        f"AND segment = 'all' AND metric = 'ndcg@10' AND ds = '{ds - timedelta(days=1)}'"
    )
    judged = (shop.root / "gold/evaluation").exists()
    return {
        "over_limit": [row[:3] for row in drift if row[3]],
        "largest": {
            measure: [row[:3] for row in drift if row[1] == measure][:LARGEST]
            for measure in sorted({row[1] for row in drift})
        },
        "robots_rows": shop.rows("quarantine/events", robots)[0][0],
        "ranked_by": shop.rows("gold/recommendations", model)[0][0],
        "ndcg@10_of_the_day_before": next(
            (row[0] for row in (shop.rows("gold/evaluation", ndcg) if judged else [])), None
        ),
    }


def _held(run: dict[str, Any]) -> str:
    """The step that did not end well: the one after the last that did."""
    steps = [line["step"] for line in run["lines"] if line["event"] == "step"]
    return NAMES[NAMES.index(steps[-1]) + 1]


def _warned(run: dict[str, Any]) -> list[str]:
    return [line.get("why", line["event"]) for line in run["lines"] if line["level"] == "warning"]


def main() -> None:
    """Runs the nights and writes the file."""
    given = sys.argv[1:2]
    with nullcontext(given[0]) if given else tempfile.TemporaryDirectory() as folder:
        shop = Warehouse(Path(folder).resolve())
        nights = []
        for day in range(FIRST, FIRST + NIGHTS):
            nights.append(night(shop, day))
            print(json.dumps(nights[-1]), file=sys.stderr)
        last = START + timedelta(days=FIRST + NIGHTS - 1)
        told = shop.job("report", last)
        step = next(line for line in told["lines"] if line["event"] == "step")
        page = shop.root / "report" / f"{last}.html"
        size = round(page.stat().st_size / 1024)
    write("planted", {"nights": nights, "report_s": step["seconds"], "report_kb": size})


if __name__ == "__main__":
    main()
