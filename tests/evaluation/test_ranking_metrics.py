"""Ranking metrics: by hand on a tiny case, and against plain Python on a random one."""

import math

import numpy as np
import pytest

from nightshelf.evaluation.ranking_metrics import METRICS, averages, coverage, user_metrics
from tests.conftest import Frame

LISTS = "user_id string, item_id string, rank int"
RELEVANT = "user_id string, item_id string"


def test_by_hand(frame: Frame) -> None:
    lists = frame(LISTS, [
        ("u", "a", 1), ("u", "b", 2), ("u", "c", 3), ("v", "a", 1), ("v", "b", 2), ("v", "c", 3),
        ("__new__", "c", 1), ("__new__", "d", 2), ("__new__", "e", 3),
    ])  # fmt: skip
    relevant = frame(RELEVANT, [("u", "b"), ("u", "z"), ("v", "y"), ("w", "d")])
    rows = lists.transform(user_metrics(relevant, [2, 3])).collect()
    told = {r["user_id"]: r.asDict() for r in rows}
    second = 1 / math.log2(3)
    assert told["u"] == {
        "user_id": "u", "segment": "known",
        "precision@2": 0.5, "recall@2": 0.5, "hit_rate@2": 1.0,
        "ndcg@2": pytest.approx(second / (1 + second)),
        "precision@3": pytest.approx(1 / 3), "recall@3": 0.5, "hit_rate@3": 1.0,
        "ndcg@3": pytest.approx(second / (1 + second)),
    }  # fmt: skip
    assert (told["v"]["ndcg@3"], told["v"]["hit_rate@2"], told["v"]["segment"]) == (
        0.0,
        0.0,
        "known",
    )
    assert (told["w"]["segment"], told["w"]["ndcg@2"]) == ("new", pytest.approx(second))


def test_averages_by_segment_with_bounds(frame: Frame) -> None:
    users = frame(
        "user_id string, segment string, m double",
        [("a", "known", 1.0), ("b", "known", 0.0), ("c", "known", 0.5), ("d", "new", 0.25)],
    )
    told = {r["segment"]: r for r in users.transform(averages(["m"])).collect()}
    assert {s: (r["value"], r["n"]) for s, r in told.items()} == {
        "known": (0.5, 3), "new": (0.25, 1), "all": (0.4375, 4),
    }  # fmt: skip
    margin = 1.959963984540054 * math.sqrt((0.25 + 0.25) / 3 / 3)
    assert told["known"]["low"] == pytest.approx(0.5 - margin)
    assert told["known"]["high"] == pytest.approx(0.5 + margin)


def test_coverage_counts_available_items_only(frame: Frame) -> None:
    lists = frame(LISTS, [("u", "a", 1), ("u", "b", 2), ("v", "a", 1), ("v", "gone", 2)])
    available = frame("item_id string", [("a",), ("b",), ("c",), ("d",)])
    told = lists.transform(coverage(available, [1, 2])).collect()
    assert {r["metric"]: (r["value"], r["n"]) for r in told} == {
        "coverage@1": (0.25, 4), "coverage@2": (0.5, 4),
    }  # fmt: skip


def plain_metrics(ranked: list[str], wanted: set[str], k: int) -> tuple[float, float, float, float]:
    hits = [place for place, item in enumerate(ranked[:k], 1) if item in wanted]
    gain = sum(1 / math.log2(place + 1) for place in hits)
    best = sum(1 / math.log2(place + 1) for place in range(1, min(len(wanted), k) + 1))
    return len(hits) / k, len(hits) / len(wanted), float(bool(hits)), gain / best


def test_equals_plain_python_on_random_lists(frame: Frame) -> None:
    rng = np.random.default_rng(3)
    lists = {f"u{u}": [f"i{i}" for i in rng.permutation(30)[:20]] for u in range(40)}
    wanted = {
        user: {f"i{i}" for i in rng.choice(30, rng.integers(1, 9), replace=False)} for user in lists
    }
    ranked = frame(LISTS, [(u, i, r) for u, items in lists.items() for r, i in enumerate(items, 1)])
    relevant = frame(RELEVANT, [(u, i) for u, items in wanted.items() for i in items])
    for row in ranked.transform(user_metrics(relevant, [5, 20])).collect():
        for k in (5, 20):
            expected = plain_metrics(lists[row["user_id"]], wanted[row["user_id"]], k)
            assert tuple(row[f"{m}@{k}"] for m in METRICS) == pytest.approx(expected, abs=1e-12)
