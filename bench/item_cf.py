"""How fast the job build_item_cf is, beside implicit's fit in memory and RePlay's Spark ItemKNN.

Writes results/item_cf.json. All take the same pairs, 100 neighbours an item, cosine, two cores.
Ours is the whole job, from silver.events to the published gold.item_neighbours with its audit, in a
warm session, the better of two runs, as implicit's fit is, which starts from a matrix in memory.
RePlay gets 5 % of the users. `overlap` is the share of implicit's neighbours that are ours too;
implicit's 100 hold the item itself. Peak memory is that of all processes of ours, sampled in a run
of its own.
"""

import tempfile
import time
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from peers.environment import run_peer
from pyspark.sql import SparkSession
from report import watched, write
from scipy import sparse
from shop_pairs import AS_OF, ITEMS, shop_pairs, write_shop

from nightshelf.config import Config, SparkConfig
from nightshelf.jobs.build_item_cf import JOB
from nightshelf.runs import Run
from nightshelf.session import build
from nightshelf.tables import ITEM_NEIGHBOURS

PAIRS = 15_900_000
K = 100
SHARE = 0.05
RUNS = 2


def config(root: Path, **item_cf: object) -> Config:
    """Plain cosine, all histories whole: what the peers do."""
    plain = {
        "k": K,
        "half_life_days": None,
        "max_items_per_user": ITEMS,
        "min_co_users": 1,
        "shrinkage": 0.0,
        "binary": True,
    }
    return Config.model_validate(
        {
            "warehouse": {"root": str(root)},
            "sources": {"events": []},
            "item_cf": plain | item_cf,
        }
    )


def job_s(spark: SparkSession, told: Config, as_of: date = AS_OF) -> float:
    """Seconds of one run of the job."""
    run = Run(spark, told, as_of, JOB.name, uuid.uuid4().hex)
    began = time.monotonic()
    JOB.run(run)
    return time.monotonic() - began


def compared(spark: SparkSession, root: Path, similarity: Path) -> tuple[float, float]:
    """(overlap, largest difference of a similarity) of ours with implicit's."""
    theirs = sparse.load_npz(similarity).tocoo()
    other = theirs.row != theirs.col
    wanted = theirs.row[other].astype(np.int64) * ITEMS + theirs.col[other]
    found = spark.read.format("delta").load(str(root / ITEM_NEIGHBOURS.path))
    ours = found.selectExpr(
        f"bigint(substring(item_id, 2)) * {ITEMS} + bigint(substring(neighbour_id, 2)) pair",
        "similarity",
    ).toArrow()
    pair, value = ours["pair"].to_numpy(), ours["similarity"].to_numpy()
    order = np.argsort(pair)
    place = np.searchsorted(pair[order], wanted).clip(max=len(pair) - 1)
    same = pair[order][place] == wanted
    gap = np.abs(value[order][place][same] - theirs.data[other][same])
    return float(same.mean()), float(gap.max())


def main() -> None:
    """Measures ours in one session of this process, then the peers in theirs."""
    spark = build(SparkConfig(master="local[2]", driver_memory="4g"), "item_cf")
    pairs = shop_pairs(PAIRS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = write_shop(spark, pairs.of_users(SHARE), folder / "small")
        whole = write_shop(spark, pairs, folder / "whole")
        figures: dict[str, Any] = {"pairs": len(pairs), "updates": pairs.updates, "k": K}
        job_s(spark, config(whole))  # the session is up: its code is loaded and compiled
        runs = [job_s(spark, config(whole)) for _ in range(RUNS)]
        ours_5pct = min(job_s(spark, config(small)) for _ in range(RUNS))
        with watched() as memory:
            job_s(spark, config(whole))
        fitted = whole / "similarity.npz"
        implicit = run_peer(
            "implicit", "implicit_item_cf", whole / "pairs.parquet", K, 2, "--save", fitted
        )
        overlap, gap = compared(spark, whole, fitted)
        spark.stop()
        replay = run_peer("replay", "replay_item_cf", small / "pairs.parquet", K)
    figures |= {
        "ours_s": round(min(runs), 2),
        "ours_runs_s": [round(run, 2) for run in runs],
        "implicit_fit_s": round(implicit["fit_s"], 2),
        "ratio": round(min(runs) / implicit["fit_s"], 2),
        "ours_s_5pct": round(ours_5pct, 2),
        "replay_s_5pct": replay["fit_s"],
        "replay_ratio_5pct": round(replay["fit_s"] / ours_5pct, 1),
        "overlap": round(overlap, 6),
        "max_abs_diff": gap,
        "peak_rss_mb": memory.total // 2**20,
        "implicit_peak_rss_mb": implicit["peak_rss_mb"],
        "replay_peak_rss_mb_5pct": replay["peak_rss_mb"],
        "implicit_version": implicit["version"],
        "replay_version": replay["version"],
    }
    print(write("item_cf", figures).read_text())


if __name__ == "__main__":
    main()
