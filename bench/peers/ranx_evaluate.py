"""How long ranx takes to judge lists in Parquet, and what it finds. Prints JSON.

The first run, which compiles, is over some users and not timed.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from ranx import Qrels, Run, evaluate

METRICS = [f"{name}@10" for name in ("precision", "recall", "f1", "hit_rate", "ndcg", "map", "mrr")]


def read(folder: Path, users: int | None = None) -> tuple[Qrels, Run]:
    """What was wanted and the lists, of all users or the first ones."""
    wanted = pd.read_parquet(folder / "wanted")
    lists = pd.read_parquet(folder / "lists", columns=["user_id", "item_id", "score"])
    if users is not None:
        some = wanted["user_id"].unique()[:users]
        wanted, lists = (frame[frame["user_id"].isin(some)] for frame in (wanted, lists))
    wanted = wanted.assign(relevance=1)
    return (
        Qrels.from_df(wanted, q_id_col="user_id", doc_id_col="item_id", score_col="relevance"),
        Run.from_df(lists, q_id_col="user_id", doc_id_col="item_id", score_col="score"),
    )


def main() -> None:
    """Times it and prints."""
    folder = Path(sys.argv[1])
    evaluate(*read(folder, 1_000), METRICS)
    began = time.monotonic()
    qrels, run = read(folder)
    ready = time.monotonic()
    values = evaluate(qrels, run, METRICS)
    ended = time.monotonic()
    told = {
        "ranx_version": version("ranx"),
        "ranx_s": round(ended - began, 1),
        "ranx_metrics_s": round(ended - ready, 2),
        "values": {name: float(value) for name, value in values.items()},
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
