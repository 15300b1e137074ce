"""MMR beside a plain loop over a similarity function, and its rows through Spark."""

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from nightshelf.ranking.diversity import diversified, mmr, whole_users
from nightshelf.ranking.lists import top_k
from tests.conftest import Frame

ITEMS = "item_id string, category string, brand string"
SCORED = "user_id string, item_id string, score double, source string, click double"

Trait = tuple[str | None, str | None]


def similarity(one: Trait, other: Trait) -> float:
    category = 0.7 if one[0] is not None and one[0] == other[0] else 0.0
    return category + (0.3 if one[1] is not None and one[1] == other[1] else 0.0)


def by_hand(scores: dict[str, float], traits: dict[str, Trait], k: int, trade_off: float) -> list:
    """The list of one user: ids in order."""
    best, chosen = max(scores.values()), []
    while len(chosen) < min(k, len(scores)):

        def value(item: str) -> float:
            relevance = scores[item] / best if best > 0 else 0.0
            likeness = max((similarity(traits[item], traits[c]) for c in chosen), default=0.0)
            return trade_off * relevance - (1 - trade_off) * likeness

        left = [item for item in scores if item not in chosen]
        chosen.append(min(left, key=lambda item: (-value(item), -scores[item], item)))
    return chosen


def shop(draw: random.Random, n: int) -> tuple[dict[str, float], dict[str, Trait]]:
    ids = [f"i{i:03d}" for i in range(n)]
    scores = {i: draw.choice([0.0, 0.25, 0.5, draw.random()]) for i in ids}
    traits = {i: (draw.choice([None, "a", "b", "c"]), draw.choice([None, "x", "y"])) for i in ids}
    return scores, traits


@pytest.mark.parametrize("trade_off", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_the_kernel_is_a_plain_loop(trade_off: float) -> None:
    draw = random.Random(5)
    shops = [shop(draw, draw.randint(1, 40)) for _ in range(100)]
    numbers = {None: 0, "a": 1, "b": -5, "c": 7, "x": 1, "y": 2}
    ordered = [sorted(scores, key=lambda i, s=scores: (-s[i], i)) for scores, _ in shops]
    bounds = np.cumsum([0, *map(len, ordered)])
    rows = [(s[i], *(numbers[t] for t in traits[i]))
            for (s, traits), ids in zip(shops, ordered, strict=True) for i in ids]  # fmt: skip
    scores, categories, brands = (np.array(column) for column in zip(*rows, strict=True))
    for k in (1, 5, 60):
        places, ranks = mmr(bounds, scores, categories, brands, k, trade_off)
        assert ranks.tolist() == [
            rank for ids in ordered for rank in range(1, min(k, len(ids)) + 1)
        ]
        names = [i for ids in ordered for i in ids]
        assert [names[place] for place in places] == [
            i for scores, traits in shops for i in by_hand(scores, traits, k, trade_off)
        ]


def test_a_small_case_by_hand(frame: Frame) -> None:
    items = frame(ITEMS, [("mug", "Kitchen", "Acme"), ("cup", "Kitchen", "Acme"),
                          ("pan", "Kitchen", None), ("hat", "Clothing", "Acme"),
                          ("tie", None, None), ("out", "Kitchen", "Acme")])  # fmt: skip
    scored = frame(SCORED, [("ann", "mug", 2.0, "item_cf", 0.5), ("ann", "cup", 1.9, "trend", 0.4),
                            ("ann", "pan", 1.5, "item_cf", None), ("ann", "hat", 1.0, "trend", 0.2),
                            ("ann", "tie", 0.6, "trend", 0.1), ("bob", "new", 0.0, "trend", 0.3),
                            ("bob", "mug", 0.0, "trend", 0.3)])  # fmt: skip
    found = scored.transform(diversified(4, 0.5, items)).orderBy("user_id", "rank")
    assert found.columns == [*scored.columns, "rank"]
    # After mug, halves of: cup .95 - 1, pan .75 - .7, hat .5 - .3, tie .3 - 0; then of
    # cup -.05, pan .05, hat .2; then of cup -.05, pan .05.
    assert [tuple(row) for row in found.collect()] == [
        ("ann", "mug", 2.0, "item_cf", 0.5, 1), ("ann", "tie", 0.6, "trend", 0.1, 2),
        ("ann", "hat", 1.0, "trend", 0.2, 3), ("ann", "pan", 1.5, "item_cf", None, 4),
        ("bob", "mug", 0.0, "trend", 0.3, 1), ("bob", "new", 0.0, "trend", 0.3, 2),
    ]  # fmt: skip


def many(frame: Frame) -> tuple[Any, Any, dict[str, dict[str, float]], dict[str, Trait]]:
    draw = random.Random(11)
    traits = shop(draw, 60)[1]
    users = {f"u{u}": {i: draw.choice([0.5, draw.random()]) for i in draw.sample(sorted(traits), n)}
             for u, n in enumerate([1, 60, 3, 59, 60, 2, 17, 60, 5, 31])}  # fmt: skip
    rows = [(u, i, s, "item_cf", s) for u, scores in users.items() for i, s in scores.items()]
    draw.shuffle(rows)
    return frame(SCORED, rows), frame(ITEMS, [(i, *t) for i, t in traits.items()]), users, traits


@pytest.mark.parametrize(("at_once", "trade_off"), [(7, 0.4), (10_000, 0.9)])
def test_users_are_whole_though_batches_cut_them(
    frame: Frame, spark: SparkSession, at_once: int, trade_off: float
) -> None:
    scored, items, users, traits = many(frame)
    key = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(key)
    spark.conf.set(key, at_once)
    try:
        rows = (
            scored.transform(diversified(20, trade_off, items)).orderBy("user_id", "rank").collect()
        )
    finally:
        spark.conf.set(key, before)
    lists = {u: [r["item_id"] for r in rows if r["user_id"] == u] for u in users}
    assert lists == {u: by_hand(scores, traits, 20, trade_off) for u, scores in users.items()}
    assert all(r["score"] == users[r["user_id"]][r["item_id"]] == r["click"] for r in rows)


def test_without_diversity_it_is_top_k(frame: Frame) -> None:
    scored, items, *_ = many(frame)
    plain, same = (
        sorted(map(tuple, scored.transform(step).collect()))
        for step in (top_k(20), diversified(20, 1.0, items))
    )
    assert plain == same


@pytest.mark.parametrize("sizes", [[1], [3, 3], [1, 1, 1, 5, 1, 5], [2, 7]])
def test_tables_cut_no_user_and_lose_no_row(sizes: list[int]) -> None:
    users = [f"u{n}" for n, size in enumerate([3, 1, 2, 1, 7, 2]) for _ in range(size)]
    batches, start = [], 0
    while start < len(users):
        size = sizes[len(batches) % len(sizes)]
        rows = users[start : start + size]
        batches += [pa.RecordBatch.from_pydict({"user_id": pa.array(rows, pa.string())})] * bool(
            rows
        )
        batches.append(pa.RecordBatch.from_pydict({"user_id": pa.array([], pa.string())}))
        start += size
        sizes = sizes[1:] + sizes[:1]
    tables = [table["user_id"].to_pylist() for table in whole_users(batches)]
    assert [user for table in tables for user in table] == users
    for one, next_one in pairwise(tables):
        assert one[-1] != next_one[0]
    assert all(tables)
