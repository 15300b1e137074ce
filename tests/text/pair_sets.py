"""Training sets of pairs in which it is planted what is clicked."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nightshelf.text.batches import Tokenizer
from nightshelf.text.pairs import columns

COLORS, THINGS = ("blue", "red"), ("mug", "lamp", "shoe")
MOST = 16


def write(folder: Path, weights: Path, *, rows: int, groups: int, kind: str = "cross") -> Path:
    """Splits train, valid and test of queries such as `blue mug`, and items likewise."""
    for seed, (split, share) in enumerate({"train": 1.0, "valid": 0.2, "test": 0.2}.items()):
        place = folder / split
        place.mkdir(parents=True)
        some = table(weights, int(rows * share), seed, kind)
        own = groups if split == "train" else min(groups, 2)
        for n in range(own):
            pq.write_table(some.take(np.arange(n, len(some), own)), place / f"part-{n:05}.parquet")
    return folder


def table(weights: Path, rows: int, seed: int, kind: str) -> pa.Table:
    """`rows` pairs, whose labels are .9 or .1.

    cross: .9 for mugs, whatever was asked for; bi: for the thing that was asked for. A network as
    tiny as `tiny` compares two texts only by their vectors.
    """
    generator = np.random.default_rng(seed)
    asked, told = generator.integers(0, 6, (2, rows))
    told = np.where(generator.random(rows) < 0.5, asked, told)
    names = [f"{color} {thing}" for color in COLORS for thing in THINGS]
    queries, texts = ([names[n] for n in own] for own in (asked, told))
    tokenizer = Tokenizer(weights, MOST)
    tokens = (
        [tokenizer.pairs(queries, texts)]
        if kind == "cross"
        else [tokenizer(queries), tokenizer(texts)]
    )
    match = told % 3 == 0 if kind == "cross" else asked % 3 == told % 3
    return pa.table(
        {
            **columns(tokens, MOST, tokenizer.padding),
            "label": np.where(match, 0.9, 0.1).astype(np.float32),
            "weight": generator.uniform(0.5, 1.5, rows).astype(np.float32),
            "group": asked.astype(np.int64),
            "drawn": told.astype(np.int64),
        }
    )
