"""Which queries are ranked, and which of them are one."""

from datetime import date

from nightshelf.search.queries import merged, typed
from tests.conftest import Frame

WORDS = {"coffee": 5, "mug": 9, "mugs": 1, "blue": 4, "350": 2}
DAY = date(2026, 3, 10)


def test_what_was_typed_lately(frame: Frame) -> None:
    rows = [
        ("u", "search", "Blue mug", date(2026, 3, 10)),
        ("u", "search", "Blue mug", date(2026, 3, 10)),  # once a day
        ("u", "search", "Blue mug", date(2026, 3, 9)),
        ("v", "search", "Blue mug", date(2026, 3, 8)),
        ("v", "search", "lamp", date(2026, 3, 10)),
        ("v", "search", " ", date(2026, 3, 10)),
        ("v", "click", "mug", date(2026, 3, 10)),
        ("v", "search", "old", date(2026, 3, 7)),
    ]
    events = frame("user_id string, event_type string, query string, ds date", rows)
    found = events.transform(typed(DAY, 3, 1)).collect()
    assert {row["typed"]: row["searches"] for row in found} == {"Blue mug": 3, "lamp": 1}
    often = events.transform(typed(DAY, 3, 2)).collect()
    assert [row["typed"] for row in often] == ["Blue mug"]


def test_variants_are_merged(frame: Frame) -> None:
    rows = [
        ("Coffee  mug", 5), ("coffee mug", 3), ("cofee mug", 9), ("mug coffee", 2),
        ("coffee mugs", 1), ("blue mug", 4), ("☕", 7), ("coffee mug 350", 1),
        ("'; DROP TABLE x", 1), ("mug " * 10_000, 1),
    ]  # fmt: skip
    queries = frame("typed string, searches bigint", rows)
    how = {"language": "english", "max_terms": 4, "most": 100}
    found = queries.transform(merged(WORDS, **how)).collect()  # type: ignore[arg-type]
    asked = {row["query"]: row["asked"] for row in found}
    long = ("mug " * 10_000).strip()
    assert asked == {
        "coffee mug": "coffee mug", "cofee mug": "coffee mug", "mug coffee": "coffee mug",
        "coffee mugs": "coffee mug", "blue mug": "blue mug", "coffee mug 350": "coffee mug 350",
        "'; drop table x": "'; drop table x", long: long,
    }  # fmt: skip
    rows_by_query = {row["query"]: row for row in found}
    assert rows_by_query["coffee mug"]["searches"] == 8
    assert rows_by_query["cofee mug"]["terms"] == ["coffe", "mug"]
    assert rows_by_query[long]["terms"] == ["mug"]


def test_only_the_most_typed_are_kept(frame: Frame) -> None:
    queries = frame("typed string, searches bigint", [("mug", 1), ("blue", 2), ("coffee", 2)])
    found = queries.transform(merged(WORDS, language="none", max_terms=4, most=2)).collect()
    assert {row["query"] for row in found} == {"blue", "coffee"}
