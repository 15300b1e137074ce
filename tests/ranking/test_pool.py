"""The pool that a model scores, and the scores it gets."""

import pytest
from pyspark.sql import DataFrame

from nightshelf.ranking.pool import pooled, rescored
from tests.conftest import Frame

CANDIDATES = "user_id string, item_id string, source string, score double, seed_item_id string"
POOL = "user_id string, item_id string, score double, source string, seed_item_id string"
CLICKS = "user_id string, item_id string, click double"
WEIGHTS = {"item_cf": 1.0, "category": 0.5, "trending": 0.1, "catalogue": 0.0}


def told(found: DataFrame) -> list[tuple]:
    return sorted(tuple(row) for row in found.collect())


def test_the_pool_keeps_the_best_of_the_blend_with_its_largest_part(frame: Frame) -> None:
    candidates = frame(CANDIDATES, [
        ("ann", "mug", "item_cf", 0.5, "cup"), ("ann", "mug", "category", 0.5, None),
        ("ann", "pan", "item_cf", 0.25, "pot"), ("ann", "pan", "category", 1.0, None),
        ("ann", "hat", "trending", 1.0, None), ("ann", "cap", "trending", 1.0, None),
        ("ann", "old", "catalogue", 1.0, None), ("bob", "old", "catalogue", 1.0, None),
    ])  # fmt: skip
    found = candidates.transform(pooled(WEIGHTS, 3))
    assert found.columns == ["user_id", "item_id", "score", "source", "seed_item_id"]
    assert [(*row[:2], round(row[2], 6), *row[3:]) for row in told(found)] == [
        ("ann", "cap", 0.1, "trending", None), ("ann", "mug", 0.75, "item_cf", "cup"),
        ("ann", "pan", 0.75, "category", None), ("bob", "old", 0.0, "catalogue", None),
    ]  # fmt: skip


def pool(frame: Frame) -> DataFrame:
    return frame(POOL, [
        ("ann", "mug", 2.0, "item_cf", "cup"), ("ann", "pan", 0.5, "category", None),
        ("ann", "hat", 0.0, "catalogue", None), ("bob", "mug", 3.0, "item_cf", "pot"),
        ("new", "mug", 0.0, "catalogue", None),
    ])  # fmt: skip


PROBABILITIES = [("ann", "mug", 0.1), ("ann", "pan", 0.4), ("ann", "hat", 0.3), ("new", "mug", 0.2),
                 ("cat", "mug", 0.9), ("ann", "tie", 0.9)]  # fmt: skip


@pytest.mark.parametrize(
    ("weight", "mug", "pan", "hat"),
    [(1.0, 0.1, 0.4, 0.3), (0.5, 0.1**0.5, 0.1**0.5, 0.0), (0.0, 1.0, 0.25, 0.0)],
)
def test_probability_and_blend_are_mixed(
    frame: Frame, weight: float, mug: float, pan: float, hat: float
) -> None:
    found = pool(frame).transform(rescored(frame(CLICKS, PROBABILITIES), weight))
    assert found.columns == ["user_id", "item_id", "score", "source", "seed_item_id"]
    rows = told(found)
    assert [(user, item, source, seed) for user, item, _, source, seed in rows] == [
        ("ann", "hat", "catalogue", None), ("ann", "mug", "item_cf", "cup"),
        ("ann", "pan", "category", None), ("bob", "mug", "item_cf", "pot"),
        ("new", "mug", "catalogue", None),
    ]  # fmt: skip
    exact = weight == 1.0
    scores = [row[2] for row in rows]
    # bob is unknown to the model; new has a blend that says nothing.
    expected = [hat, mug, pan, 3.0, 0.2**weight]
    assert scores == (expected if exact else pytest.approx(expected))


def test_an_item_without_a_probability_is_last_by_its_share(frame: Frame) -> None:
    clicks = [("ann", "hat", 0.2), ("ann", "pan", None), ("bob", "mug", float("nan"))]
    found = pool(frame).transform(rescored(frame(CLICKS, clicks), 1.0))
    scores = {row[:2]: row[2] for row in told(found)}
    assert scores == {
        ("ann", "hat"): 0.2, ("ann", "mug"): 0.2, ("ann", "pan"): 0.05, ("bob", "mug"): 3.0,
        ("new", "mug"): 0.0,
    }  # fmt: skip
