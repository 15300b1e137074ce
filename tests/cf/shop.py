"""Pairs of a small shop, and their neighbours in a form to compare."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame

from nightshelf.cf.histories import from_pairs
from nightshelf.cf.item_neighbours import neighbours
from nightshelf.cf.plan import Limits
from tests.cf.oracle import EASE, Neighbours

PAIRS = "user_id string, item_id string, weight double"
LIMITS = {"plan", "broadcast_bytes", "task_bytes"}


def near(pairs: DataFrame, *, blocks: int, parts: int = 2, **options: Any) -> DataFrame:
    """The neighbours by cosine, of all pairs and in full, unless the options say otherwise."""
    given: dict[str, Any] = {"similarity": "cosine", "k": 100, "shrinkage": 0.0, "min_co_users": 1}
    given["ease"] = replace(EASE, items=options.pop("ease_items", EASE.items))
    given["limits"] = Limits(blocks=blocks, **{n: options.pop(n) for n in LIMITS & options.keys()})
    return neighbours(pairs.transform(from_pairs(parts)), **(given | options))


def told(found: DataFrame) -> Neighbours:
    rows = found.orderBy("item_id", "rank").collect()
    lists: Neighbours = {}
    for r in rows:
        lists.setdefault(r["item_id"], []).append(
            (r["neighbour_id"], r["similarity"], r["co_users"])
        )
        assert r["rank"] == len(lists[r["item_id"]])
    return lists


def assert_same(ours: Neighbours, theirs: Neighbours, within: float = 4e-12) -> None:
    assert ours.keys() == theirs.keys()
    for item, others in theirs.items():
        assert [(i, n) for i, _, n in ours[item]] == [(i, n) for i, _, n in others], item
        assert [s for _, s, _ in ours[item]] == pytest.approx([s for _, s, _ in others], rel=within)


def random_pairs(seed: int, users: int, items: int, n: int) -> list[tuple[str, str, float]]:
    rng = np.random.default_rng(seed)
    chosen = {
        (f"u{u}", f"i{int(i)}"): float(w)
        for u, i, w in zip(
            rng.integers(0, users, n),
            (items * rng.random(n) ** 2).astype(int),
            rng.integers(1, 9, n) / 4,
            strict=True,
        )
    }
    return [(user, item, weight) for (user, item), weight in sorted(chosen.items())]
