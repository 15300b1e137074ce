"""How lists share the shop's items out."""

import pytest

from nightshelf.evaluation.exposure import exposure
from tests.conftest import Frame

LISTS = "user_id string, item_id string, rank int"


def test_coverage_and_gini_of_the_items_that_are_available(frame: Frame) -> None:
    lists = frame(LISTS, [
        ("u", "a", 1), ("u", "b", 2), ("v", "a", 1), ("v", "gone", 2), ("w", "a", 1), ("w", "c", 2),
    ])  # fmt: skip
    available = frame("item_id string", [("a",), ("b",), ("c",), ("d",)])
    told = {r["metric"]: r for r in lists.transform(exposure(available, [1, 2])).collect()}
    assert told["coverage@1"]["value"] == 1 / 4
    assert told["coverage@2"]["value"] == 3 / 4
    assert told["coverage@2"]["n"] == 4
    # One of four items has it all: the largest there is, 1 - 1/4.
    assert told["gini@1"]["value"] == pytest.approx(0.75)
    # Shown 0, 1, 1 and 3 times: half the mean difference of pairs, by the mean.
    shown = [0, 1, 1, 3]
    pairs = sum(abs(x - y) for x in shown for y in shown) / 16
    assert told["gini@2"]["value"] == pytest.approx(pairs / 2 / (5 / 4))


def test_lists_of_nothing_that_is_sold(frame: Frame) -> None:
    lists = frame(LISTS, [("u", "gone", 1)])
    available = frame("item_id string", [("a",)])
    told = {r["metric"]: r for r in lists.transform(exposure(available, [1])).collect()}
    assert told["coverage@1"]["value"] == 0
    assert told["gini@1"]["value"] is None
    assert "no list shows" in told["gini@1"]["why"]
