"""How item-CF grows: seconds, seconds a giga-update and peak memory from 1 to 100 million pairs.

Writes results/item_cf_growth.json and results/item_cf_growth.svg. Each size is a shop of its own,
skewed like that of `item_cf`, and one run of the whole job in a process of its own, on two cores
with 4 GiB of Java heap, after a run on the smallest shop. An update is an ordered pair of items in
a history. Peak memory is that of the driver and all workers together.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
from item_cf_runs import timed
from report import RESULTS, write
from shop_pairs import FILES, shop_pairs, write_shop

from nightshelf.config import SparkConfig
from nightshelf.session import build

MILLIONS = (1, 4, 16, 64, 100)
EVENTS_AT_ONCE = 8_000_000


def made(millions: int, folder: Path) -> dict[str, int]:
    """A warehouse of so many pairs in `folder`, made in a process of its own; its sizes."""
    command = [sys.executable, __file__, str(millions), str(folder)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    pairs, updates = told.splitlines()[-1].split()
    return {"pairs": int(pairs), "updates": int(updates)}


def make(millions: int, folder: Path) -> None:
    """The child of `made`."""
    pairs = shop_pairs(millions * 1_000_000)
    files = max(FILES, len(pairs) // EVENTS_AT_ONCE)
    spark = build(SparkConfig(master="local[2]", driver_memory="6g"), "growth")
    write_shop(spark, pairs, folder, files)
    spark.stop()
    print(len(pairs), pairs.updates)


def plot(sizes: list[dict[str, Any]], path: Path) -> None:
    """Seconds by updates, both logarithmic, beside a line of constant speed; memory below."""
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "growth"
    from matplotlib import pyplot as plt

    updates = [size["updates"] / 1e9 for size in sizes]
    figure, (above, below) = plt.subplots(2, 1, figsize=(7, 7), sharex=True, layout="constrained")
    above.loglog(updates, [size["seconds"] for size in sizes], "o-", label="measured")
    last = sizes[-1]["seconds"] / updates[-1]
    above.loglog(updates, [last * u for u in updates], "--", label=f"{last:.1f} s a giga-update")
    for size, giga in zip(sizes, updates, strict=True):
        above.annotate(
            f"{size['pairs'] / 1e6:.0f} M pairs", (giga, size["seconds"]),
            textcoords="offset points", xytext=(6, -12), fontsize=8,
        )  # fmt: skip
    above.set_ylabel("seconds")
    above.legend()
    above.set_title("Item-CF, the whole job on two cores")
    below.semilogx(updates, [size["peak_rss_mb"] / 1024 for size in sizes], "o-", color="C1")
    below.set_ylim(bottom=0)
    below.set_xlabel("giga-updates")
    below.set_ylabel("peak memory, GiB")
    for axes in (above, below):
        axes.grid(visible=True, which="major", alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measures one size after the other."""
    sizes: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        smallest = Path(name) / str(MILLIONS[0])
        for millions in MILLIONS:
            root = Path(name) / str(millions)
            size: dict[str, Any] = made(millions, root)
            runs = timed(root, warm=smallest)
            giga = size["updates"] / 1e9
            size |= {
                "seconds": runs.best,
                "seconds_per_giga_update": round(runs.best / giga, 2),
                "peak_rss_mb": runs.peak_rss_mb,
            }
            print(size, flush=True)
            sizes.append(size)
            if root != smallest:
                shutil.rmtree(root)
    slope = [size["seconds_per_giga_update"] for size in sizes]
    figures = {"sizes": sizes, "largest_against_4m": round(slope[-1] / slope[1], 2)}
    print(write("item_cf_growth", figures).read_text())
    plot(sizes, RESULTS / "item_cf_growth.svg")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        make(int(sys.argv[1]), Path(sys.argv[2]))
    else:
        main()
