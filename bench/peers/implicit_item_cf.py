"""How long implicit's `CosineRecommender` takes to find each item's K nearest of a set of pairs.

The pairs are Parquet of the int32 columns `user` and `item`, each pair once, all of weight 1.
Reading them into a matrix is not timed. The fit is timed twice, and `fit_s` is the better. K counts
the item itself, which implicit keeps among its neighbours. Prints JSON.
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from implicit.nearest_neighbours import CosineRecommender
from peak_memory import WatchedMemory
from scipy import sparse

RUNS = 2


def read_pairs(folder: Path) -> sparse.csr_matrix:
    """Users by items, 1 at each pair."""
    table = pq.read_table(folder, columns=["user", "item"])
    users, items = table["user"].to_numpy(), table["item"].to_numpy()
    return sparse.csr_matrix((np.ones(len(users), np.float32), (users, items)))


def main() -> None:
    """Times the fits and prints them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path, help="folder or file of Parquet")
    parser.add_argument("k", type=int, help="neighbours of an item, itself included")
    parser.add_argument("threads", type=int)
    parser.add_argument("--save", type=Path, help="writes the similarities here, as scipy's npz")
    args = parser.parse_args()
    runs = []
    with WatchedMemory() as memory:
        pairs = read_pairs(args.pairs)
        for _ in range(RUNS):
            model = CosineRecommender(K=args.k, num_threads=args.threads)
            began = time.perf_counter()
            model.fit(pairs, show_progress=False)
            runs.append(round(time.perf_counter() - began, 3))
    if args.save:
        sparse.save_npz(args.save, model.similarity)
    figures = {
        "fit_s": min(runs),
        "runs_s": runs,
        "pairs": pairs.nnz,
        "peak_rss_mb": memory.mb,
        "version": version("implicit"),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
