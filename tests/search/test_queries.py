"""Which queries are ranked, and which of them are one."""

from datetime import date

from nightshelf.search.queries import given, in_one_form, merged, typed
from tests.conftest import Frame

WORDS = {"coffee": 5, "mug": 9, "mugs": 1, "blue": 4, "350": 2}
QUERIES = "query string, searches bigint, given boolean"
DAY = date(2026, 3, 10)


def test_what_was_typed_lately(frame: Frame) -> None:
    rows = [
        ("u", "search", "Blue mug", date(2026, 3, 10)),
        ("u", "search", "Blue mug", date(2026, 3, 10)),  # once a day
        ("u", "search", "Blue mug", date(2026, 3, 9)),
        ("v", "search", "Blue mug", date(2026, 3, 8)),
        ("v", "search", " blue  MUG", date(2026, 3, 8)),  # the same in another form
        ("w", "search", "LAMP", date(2026, 3, 9)),
        ("v", "search", "lamp", date(2026, 3, 10)),
        ("v", "search", "sofa", date(2026, 3, 10)),
        ("v", "search", " ", date(2026, 3, 10)),
        ("v", "click", "mug", date(2026, 3, 10)),
        ("v", "search", "old", date(2026, 3, 7)),
    ]
    events = frame("user_id string, event_type string, query string, ds date", rows)
    found = events.transform(typed(DAY, 3, 1)).collect()
    assert {tuple(row) for row in found} == {
        ("blue mug", 3, False), ("lamp", 2, False), ("sofa", 1, False)
    }  # fmt: skip
    often = events.transform(typed(DAY, 3, 2)).collect()
    assert {row["query"] for row in often} == {"blue mug", "lamp"}


def test_variants_are_merged(frame: Frame) -> None:
    rows = [
        ("Coffee  mug", 5), ("coffee mug", 3), ("cofee mug", 9), ("mug coffee", 2),
        ("coffee mugs", 1), ("blue mug", 4), ("☕", 7), ("coffee mug 350", 1),
        ("'; DROP TABLE x", 1), ("mug " * 10_000, 1),
    ]  # fmt: skip
    queries = frame(QUERIES, [(*row, False) for row in rows]).transform(in_one_form)
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


def test_only_the_given_and_the_most_typed_are_kept(frame: Frame) -> None:
    queries = frame(QUERIES, [("mug", 1, False), ("blue", 2, False), ("coffee", 2, False)])
    best = merged(WORDS, language="none", max_terms=4, most=2)
    found = queries.transform(best).collect()
    assert {row["query"] for row in found} == {"blue", "coffee"}
    more = frame("query string", [("MUG",), ("mugs",)]).transform(given)
    found = queries.unionByName(more).transform(best).collect()
    assert {(row["query"], row["searches"]) for row in found} == {("mug", 1), ("mugs", 0)}
