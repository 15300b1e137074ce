"""From candidates to results: relevance, clicks, taste, reasons; and groups of shoppers."""

import pytest
from pyspark.sql import DataFrame

from nightshelf.search.results import Weights, first, ranked, with_reasons, with_relevance
from nightshelf.search.segments import PRIOR, segments, tastes
from tests.conftest import Frame

FOUND = "query string, item_id string, share double, matched bigint"
ROWS = [("q", "a", 1.0, 2), ("q", "b", 0.8, 1), ("q", "c", 0.5, 0)]


def test_what_is_not_judged_comes_behind(frame: Frame) -> None:
    found = frame(FOUND, ROWS)
    assert [r["item_id"] for r in found.transform(first(2)).orderBy("item_id").collect()] == [
        "a", "b",
    ]  # fmt: skip
    judged = frame(
        "query string, item_id string, relevance double", [("q", "a", 0.2), ("q", "b", 0.9)]
    )

    def relevance(judged: DataFrame | None, weight: float) -> dict[str, float]:
        rows = found.transform(with_relevance(judged, weight)).collect()
        return {row["item_id"]: row["relevance"] for row in rows}

    assert relevance(judged, 1.0) == pytest.approx({"a": 0.2, "b": 0.9, "c": 0.5 * 0.2})
    least = 0.2**0.25
    assert relevance(judged, 0.25) == pytest.approx(
        {"a": least, "b": 0.9**0.25 * 0.8**0.75, "c": 0.5 * least}
    )
    assert relevance(judged, 0.0) == pytest.approx({"a": 1.0, "b": 0.8, "c": 0.5 * 0.8})
    assert relevance(None, 0.25) == {"a": 1.0, "b": 0.8, "c": 0.5}


def test_scores_by_hand(frame: Frame) -> None:
    found = frame(FOUND, ROWS).transform(with_relevance(None, 1.0))
    clicks = frame("item_id string, click_through double", [("a", 0.25), ("b", 4.0)])
    taste = frame(
        "segment string, item_id string, taste double", [("s", "c", 9.0), ("s", "a", 1.0)]
    )
    lists = found.transform(ranked(clicks, taste, Weights(k=2, clicks=0.5, taste=0.5)))
    told = {(r["segment"], r["rank"]): (r["item_id"], r["score"]) for r in lists.collect()}
    assert told == {
        ("all", 1): ("b", pytest.approx(1.6)),
        ("all", 2): ("a", pytest.approx(0.5)),
        ("s", 1): ("c", pytest.approx(1.5)),
        ("s", 2): ("a", pytest.approx(0.5)),
    }


def test_reasons(frame: Frame) -> None:
    queries = frame("asked string, terms array<string>", [("q", ["x", "y"])])
    lists = frame(FOUND, ROWS).transform(with_reasons(queries))
    assert {r["item_id"]: r["reason"] for r in lists.collect()} == {
        "a": "Has all words of your search",
        "b": "Has 1 of 2 words of your search",
        "c": "Close in meaning to your search",
    }


def test_segments_by_category_or_by_thirds(frame: Frame) -> None:
    users = frame(
        "user_id string, numbers map<string, double>, categories map<string, string>",
        [(f"u{n}", {"price_level": float(n)}, {}) for n in range(6)]
        + [("x", {}, {"device": "tv"})],
    )
    thirds = {
        r["user_id"]: r["segment"] for r in users.transform(segments("price_level")).collect()
    }
    assert thirds == {f"u{n}": f"price_level={('low', 'middle', 'high')[n // 2]}" for n in range(6)}
    named = users.transform(segments("device")).collect()
    assert [tuple(row) for row in named] == [("x", "device=tv")]
    assert users.transform(segments("nothing")).isEmpty()


def test_tastes_by_hand(frame: Frame) -> None:
    items = frame(
        "item_id string, category string, brand string, price double",
        [("a", "c", "x", 1.0), ("b", "c", "y", 2.0), ("d", "c", None, 3.0)],
    )
    users = frame("user_id string, segment string", [("u", "low"), ("v", "high")])
    clicks = frame(
        "user_id string, item_id string",
        [("u", "a")] * 30 + [("u", "b")] * 10 + [("v", "b")] * 40 + [("w", "a")] * 9,
    )
    found = {
        (r["segment"], r["item_id"]): r["taste"]
        for r in items.transform(tastes(clicks, users)).collect()
    }
    # Of 80 clicks of both, brand x and the lowest third have 30: 3/8. Both traits tell the same.
    assert found["low", "a"] == pytest.approx((30 + PRIOR * 3 / 8) / (40 + PRIOR) / (3 / 8))
    assert found["high", "b"] == pytest.approx((40 + PRIOR * 5 / 8) / (40 + PRIOR) / (5 / 8))
    assert found["low", "d"] == 1.0
    assert found["high", "a"] == pytest.approx(PRIOR / (40 + PRIOR))
