"""How fast lists are judged, beside ranx and recommenders' Spark evaluation on the same Parquet.

Writes results/evaluate.json. A million users with lists of 20 of 50,000 items, one to five
relevant items a user, some of which are on the list, and ten wanted before, drawn by popularity.

ours_s: precision, recall, F1, hit rate, nDCG, MAP and MRR at 5, 10 and 20, and with them
serendipity, GAUC, novelty, diversity, category and price gaps, with bootstrap intervals, from
Parquet to the table of means; best of three in a warm session on local[2]. plain_s: the same with
100 draws instead of 1,000, of which bootstrap_cost is the share of the whole: sums of buckets are
made either way. ranx_s: reading the same files, making its Qrels and Run, and seven metrics at 10;
ranx_metrics_s: the metrics alone. recommenders_s: precision, recall, nDCG and MAP at 10 by its
SparkRankingEvaluation on local[2]. Both peers on `peer_users` of the users, since ranx keeps Python
dictionaries. Of ours on these, `ours_peer_few_s` is these four and the hit rate at 10, without
intervals, `ours_peer_s` all metrics at 10, with intervals, and `ours_peer_all_s` these at the three
lengths. Of all at 10 are ratio_ranx and ratio_recommenders_all, of few is ratio_recommenders.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from peers.environment import run_peer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from report import watched, write

from nightshelf.config import SparkConfig
from nightshelf.evaluation.facts import facts_of
from nightshelf.evaluation.figures import OF_USER, figures, user_metrics
from nightshelf.evaluation.intervals import means
from nightshelf.evaluation.people import Outcomes
from nightshelf.sending import send
from nightshelf.session import build

USERS, ITEMS, K = 1_000_000, 50_000, 20
PEER_USERS = 200_000
KS = (5, 10, 20)
PEER_KS = (10,)
RUNS = 3
FILES = 8


def made(folder: Path, users: int) -> None:
    """Parquet of lists, what users wanted afterwards and before, and the items."""
    rng = np.random.default_rng(4)
    share = 1 / np.arange(1, ITEMS + 1) ** 0.8
    edges = np.cumsum(share / share.sum())
    for part in range(FILES):
        own = np.arange(part, users, FILES)
        lists = np.empty((len(own), K), np.int64)
        for place in range(K):  # distinct within a list: each place has residues of its own
            drawn = np.searchsorted(edges, rng.random(len(own))) % (ITEMS // K)
            lists[:, place] = drawn * K + place
        later = np.searchsorted(edges, rng.random((len(own), 5)))
        hits = rng.random((len(own), 5)) < 0.1
        later[hits] = lists[np.nonzero(hits)[0], rng.integers(0, K, hits.sum())]
        count = rng.integers(1, 6, len(own))
        kept = np.arange(5) < count[:, None]
        columns = {
            "lists": (np.repeat(own, K), lists.ravel()),
            "wanted": (np.repeat(own, 5)[kept.ravel()], later[kept]),
            "before": (np.repeat(own, 10), np.searchsorted(edges, rng.random(len(own) * 10))),
        }
        for name, (user, item) in columns.items():
            table = pa.table({"user_id": user, "item_id": item})
            strings = {column: table[column].cast(pa.string()) for column in table.column_names}
            told = pa.table(strings)
            if name == "lists":
                rank = np.tile(np.arange(1, K + 1, dtype=np.int32), len(own))
                told = told.append_column("rank", pa.array(rank))
                told = told.append_column("score", pa.array(1.0 / rank))
                told = told.append_column("source", pa.array(["cf"] * len(rank)))
            else:
                told = told.group_by(["user_id", "item_id"]).aggregate([])
            (folder / name).mkdir(parents=True, exist_ok=True)
            pq.write_table(told, folder / name / f"{part}.parquet")
    ids = pa.array(np.arange(ITEMS)).cast(pa.string())
    items = {
        "item_id": ids,
        "category": pa.array(rng.integers(0, 200, ITEMS)).cast(pa.string()),
        "price": rng.lognormal(3, 1, ITEMS),
    }
    pq.write_table(pa.table(items), folder / "items.parquet")


class Ours:
    """Judges what is in a folder."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        names = ("lists", "wanted", "before")
        self._read = {name: spark.read.parquet(f"{folder}/{name}") for name in names}
        items = spark.read.parquet(f"{folder}/items.parquet")
        self._facts = send(spark.sparkContext, facts_of(items, self._read["before"]))

    def means(self, draws: int, ks: Sequence[int] = KS) -> DataFrame:
        """[metric, source, segment, value, low, high, n, why]."""
        outcomes = Outcomes(self._read["wanted"], before=self._read["before"])
        sums = self._read["lists"].transform(figures(outcomes, self._facts, ks))
        return sums.transform(means(ks, draws, {}))

    def seconds(self, draws: int, ks: Sequence[int] = KS) -> float:
        """From the call until the means are there."""
        began = time.monotonic()
        self.means(draws, ks).collect()
        return time.monotonic() - began

    def few_seconds(self, k: int) -> float:
        """From the call until the means of what is told of single users are there."""
        began = time.monotonic()
        lists = self._read["lists"].transform(user_metrics(self._read["wanted"], [k]))
        lists.agg(*(F.avg(f"{name}@{k}") for name in OF_USER)).collect()
        return time.monotonic() - began

    def told(self) -> dict[str, float]:
        """The means over all users."""
        rows = self.means(100).where((F.col("segment") == "all") & (F.col("source") == "all"))
        return {row["metric"]: row["value"] for row in rows.collect()}


def main() -> None:
    """Measures and writes the file."""
    with tempfile.TemporaryDirectory() as place:
        whole, part = Path(place, "whole"), Path(place, "part")
        made(whole, USERS)
        made(part, PEER_USERS)
        spark = build(SparkConfig(master="local[2]", driver_memory="6g"), "evaluate bench")
        small, large = Ours(spark, part), Ours(spark, whole)
        small.seconds(100)
        ours_peer_all_s = min(small.seconds(1_000) for _ in range(RUNS))
        ours_peer_s = min(small.seconds(1_000, PEER_KS) for _ in range(RUNS))
        ours_peer_few_s = min(small.few_seconds(*PEER_KS) for _ in range(RUNS))
        ours = small.told()
        plain_s = min(large.seconds(100) for _ in range(RUNS))
        with watched() as memory:
            ours_s = min(large.seconds(1_000) for _ in range(RUNS))
        spark.stop()
        ranx = run_peer("ranx", "ranx_evaluate", part)
        recommenders = run_peer("recommenders", "recommenders_evaluate", part)
    theirs: dict[str, Any] = ranx.pop("values")
    figures_told = {
        "users": USERS,
        "items": ITEMS,
        "rows": USERS * K,
        "peer_users": PEER_USERS,
        "ours_s": round(ours_s, 1),
        "plain_s": round(plain_s, 1),
        "bootstrap_ratio": round(ours_s / plain_s, 3),
        "peak_rss_mb": memory.total // 2**20,
        "ours_peer_few_s": round(ours_peer_few_s, 1),
        "ours_peer_s": round(ours_peer_s, 1),
        "ours_peer_all_s": round(ours_peer_all_s, 1),
        "max_abs_diff_ranx": max(abs(ours[name] - value) for name, value in theirs.items()),
        **ranx,
        **recommenders,
        "ratio_ranx": round(ranx["ranx_s"] / ours_peer_s, 2),
        "ratio_recommenders": round(recommenders["recommenders_s"] / ours_peer_few_s, 2),
        "ratio_recommenders_all": round(recommenders["recommenders_s"] / ours_peer_s, 2),
    }
    print(f"evaluate: {figures_told}", file=sys.stderr)
    write("evaluate", figures_told)


if __name__ == "__main__":
    main()
