"""The report after thirty nights of a simulated shop: results/month.json.

    python bench/month.py [FOLDER]

The nights run one after another in one session, on lists by item-CF alone; the last two are ranked
by a model learnt in them, so that the last report tells of scores, too. The warehouse stays in
FOLDER where one is given. Told are the seconds of the last night's report in that session (warm),
the seconds of `jobs/report.py` as a process of its own, Python's and Spark's start included (cold),
each as all of its rounds and the median, and the page's kilobytes.
"""

import statistics
import sys
import tempfile
from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path

from planted import Warehouse, reported
from report import watch, write

from nightshelf.config import load
from nightshelf.session import build

START, FIRST, NIGHTS, RANKED, ROUNDS = date(2026, 1, 1), 30, 30, 2, 3
SHOP = (
    "simulate.users=400", "simulate.items=180", f"simulate.days={FIRST + NIGHTS}",
    "simulate.sessions_per_day=0.6", "evaluate.horizon_days=1", "text.enabled=false",
    "search.enabled=false", "towers.enabled=false", "ctr.epochs=3", "spark.shuffle_partitions=2",
    "recommend.k=10",
)  # fmt: skip


def main() -> None:
    """Runs the nights, then the reports, and writes the file."""
    given = sys.argv[1:2]
    with nullcontext(given[0]) if given else tempfile.TemporaryDirectory() as folder:
        spark = build(load(None, [*SHOP, "spark.master=local[2]"]).spark, "month bench")
        shop = Warehouse(Path(folder).resolve(), spark, SHOP)
        for day in range(NIGHTS):
            ds = START + timedelta(days=FIRST + day)
            ranked = f"ctr.enabled={str(day >= NIGHTS - RANKED).lower()}"
            code, message = shop.night(ds, "simulate_shop" if day == 0 else "ingest", (ranked,))
            if code:
                sys.exit(f"bench: the night of {ds} ended with {code}: {message}")
            print(f"{ds} done", file=sys.stderr)
        warm = [reported(shop, ds) for _ in range(ROUNDS)]
        spark.stop()
        told = [f"warehouse.root={shop.root}", *SHOP]
        cold = [watch("report", told, ["--ds", str(ds)]).seconds for _ in range(ROUNDS)]
    warm_s = [report["seconds"] for report in warm]
    write(
        "month",
        {
            "nights": warm[-1]["nights"],
            "kb": warm[-1]["kb"],
            "warm_s": statistics.median(warm_s),
            "cold_s": statistics.median(cold),
            "runs_s": {"warm": warm_s, "cold": cold},
        },
    )


if __name__ == "__main__":
    main()
