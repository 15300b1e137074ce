"""How long implicit's `CosineRecommender` takes to list N items for every user of MovieLens 1M.

The model is learnt from `train` and `valid`, and a user's own items are left out of the list.
implicit's call for many users runs on one thread, and a model serves one call at a time; the users
are therefore divided among copies of the model, one a thread. `recommend_s` is the better of that
and the plain call. Prints JSON.
"""

import argparse
import json
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
from implicit.nearest_neighbours import CosineRecommender
from movielens import read_splits
from scipy import sparse


def recommend_s(models: list[CosineRecommender], seen: sparse.csr_matrix, n: int) -> float:
    """Seconds to list n items for every user, each model serving its share on its own thread."""
    shares = np.array_split(np.arange(seen.shape[0]), len(models))

    def serve(model: CosineRecommender, users: np.ndarray) -> None:
        model.recommend(users, seen[users], N=n)

    began = time.perf_counter()
    with ThreadPoolExecutor(len(models)) as pool:
        list(pool.map(serve, models, shares))
    return round(time.perf_counter() - began, 3)


def main() -> None:
    """Times both ways and prints them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ratings", type=Path, help="Parquet of user_id, item_id and split")
    parser.add_argument("k", type=int, help="neighbours of an item, itself included")
    parser.add_argument("n", type=int, help="items of a list")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    splits = read_splits(args.ratings)
    seen = (splits["train"] + splits["valid"]).tocsr()
    model = CosineRecommender(K=args.k, num_threads=args.threads)
    model.fit(seen, show_progress=False)
    copies = [pickle.loads(pickle.dumps(model)) for _ in range(args.threads)]
    plain, threaded = recommend_s([model], seen, args.n), recommend_s(copies, seen, args.n)
    figures = {
        "recommend_s": min(plain, threaded),
        "plain_call_s": plain,
        "copies_on_threads_s": threaded,
        "threads": args.threads,
        "users": seen.shape[0],
        "version": version("implicit"),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
