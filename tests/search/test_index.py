"""BM25 by an inverted index, against the formula by hand."""

from math import log

import pytest
from pyspark.sql import DataFrame, SparkSession

from nightshelf.search.index import Weighing, counted, index, vocabulary
from nightshelf.search.matching import by_terms, fused
from tests.conftest import Frame

TEXTS = "item_id string, title string, brand string"
ITEMS = [("a", "Blue mugs", "Alden"), ("b", "Blue lamp blue", None), ("c", None, "Mug & Co")]


def weighing(**told: object) -> Weighing:
    given = {"fields": (("title", 2), ("brand", 1)), "language": "english"}
    return Weighing(**{**given, **told})  # type: ignore[arg-type]


def words_of(frame: Frame, how: Weighing) -> DataFrame:
    return frame(TEXTS, ITEMS).transform(counted(how))


def test_impacts_by_hand(frame: Frame) -> None:
    found = {
        (row["term"], row["item_id"]): row["impact"]
        for row in words_of(frame, weighing()).transform(index(1.5, 0.5)).collect()
    }
    # Lengths 5, 6 and 2: the mean is 13 / 3. `blue` is in two of three items.
    lengths, mean = {"a": 5, "b": 6, "c": 2}, 13 / 3

    def impact(item: str, times: int, having: int) -> float:
        longer = 0.5 + 0.5 * lengths[item] / mean
        rarity = log(1 + (3 - having + 0.5) / (having + 0.5))
        return rarity * times * 2.5 / (times + 1.5 * longer)

    assert found == pytest.approx(
        {
            ("blue", "a"): impact("a", 2, 2),
            ("mug", "a"): impact("a", 2, 2),
            ("alden", "a"): impact("a", 1, 1),
            ("blue", "b"): impact("b", 4, 2),
            ("lamp", "b"): impact("b", 2, 1),
            ("mug", "c"): impact("c", 1, 2),
            ("co", "c"): impact("c", 1, 1),
        }
    )


def test_fields_without_weight_are_not_read(frame: Frame) -> None:
    only = weighing(fields=(("title", 0), ("brand", 1)))
    found = words_of(frame, only).transform(index(1.5, 0.5)).select("term").distinct()
    assert {row[0] for row in found.collect()} == {"alden", "mug", "co"}


def test_words_are_counted_as_written(frame: Frame) -> None:
    found = words_of(frame, weighing()).transform(vocabulary)
    assert {row["word"]: row["items"] for row in found.collect()} == {
        "blue": 2, "mugs": 1, "alden": 1, "lamp": 1, "mug": 1, "co": 1,
    }  # fmt: skip


def test_the_best_items_that_are_sold(frame: Frame, spark: SparkSession) -> None:
    rows = [("x", "a", 2.0), ("x", "b", 1.0), ("y", "b", 1.5), ("x", "c", 2.5), ("x", "d", 9.0)]
    asked = frame("query string, terms array<string>", [("q", ["x", "y"]), ("r", ["z"])])
    sold = frame("item_id string", [("a",), ("b",), ("c",)])
    table = frame("term string, item_id string, impact double", rows)
    found = asked.transform(by_terms(table, sold, 2)).orderBy("rank").collect()
    assert [tuple(row) for row in found] == [("q", "b", 1, 2), ("q", "c", 2, 1)]


def test_ranks_of_two_lists_are_fused(frame: Frame) -> None:
    words = frame(
        "query string, item_id string, rank int, matched bigint",
        [("q", "a", 1, 2), ("q", "b", 2, 1)],
    )
    meaning = frame("query string, item_id string, rank int", [("q", "b", 1), ("q", "c", 2)])
    found = {r["item_id"]: r for r in fused(words, meaning).collect()}
    best = 1 / 62 + 1 / 61
    assert {item: row["share"] for item, row in found.items()} == pytest.approx(
        {"a": 1 / 61 / best, "b": 1.0, "c": 1 / 62 / best}
    )
    assert {item: row["matched"] for item, row in found.items()} == {"a": 2, "b": 1, "c": 0}
    alone = {r["item_id"]: r["share"] for r in fused(words, None).collect()}
    assert alone == pytest.approx({"a": 1.0, "b": 61 / 62})
