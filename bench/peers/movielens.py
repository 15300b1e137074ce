"""Reads the MovieLens 1M ratings, which come divided into train, valid and test."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy import sparse

SPLITS = ("train", "valid", "test")


def read_splits(path: Path) -> dict[str, sparse.csr_matrix]:
    """A matrix of users by items for each split, 1 at each rating, however high it is."""
    table = pq.read_table(path, columns=["user_id", "item_id", "split"])
    users, user_of = np.unique(table["user_id"].to_numpy(), return_inverse=True)
    items, item_of = np.unique(table["item_id"].to_numpy(), return_inverse=True)
    split_of = np.asarray(table["split"].to_pylist())
    matrices = {}
    for split in SPLITS:
        at = split_of == split
        ones = np.ones(np.count_nonzero(at), np.float32)
        shape = (len(users), len(items))
        matrices[split] = sparse.csr_matrix((ones, (user_of[at], item_of[at])), shape)
    return matrices
