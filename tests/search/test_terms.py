"""Words, stems and what is looked up."""

import pytest

from nightshelf.search.terms import normalised, stemming, stems, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Alden blue ceramic mug, 350 ml", ["alden", "blue", "ceramic", "mug", "350", "ml"]),
        ("<b>Wi-Fi</b> &amp; Co. – don’t", ["wi", "fi", "co", "don’t"]),
        ("СИНЯЯ Кружка", ["синяя", "кружка"]),
        ("Straße", ["strasse"]),
        ("咖啡杯 350ml", ["咖啡", "啡杯", "350ml"]),
        ("茶 x", ["茶", "x"]),
        ("☕ 👍 !!", []),
        ("", []),
        ("'; DROP TABLE items; --", ["drop", "table", "items"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_what_is_looked_up_keeps_its_signs() -> None:
    assert normalised("  Blue\tMUG\x00 \n") == "blue mug"
    assert normalised("'; DROP TABLE items; --") == "'; drop table items; --"


def test_stems_are_those_of_the_language() -> None:
    english, none = stemming("english"), stemming("none")
    assert stems(["mugs", "mug", "running", "shoes"], english, 8) == ["mug", "run", "shoe"]
    assert stems(["mugs", "mug"], none, 8) == ["mugs", "mug"]
    assert stems(["a", "b", "c"], none, 2) == ["a", "b"]
    assert stemming("german")("tassen") == "tass"
