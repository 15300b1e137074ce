"""Misspelt words, and those that only look so."""

import pytest

from nightshelf.search.spelling import Spelling
from nightshelf.search.terms import stemming

WORDS = {"mug": 9, "mud": 2, "coffee": 5, "tea": 4, "cup": 6, "headphones": 3, "350": 7, "red": 3}
SPELLING = Spelling(WORDS, stemming("none"))


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("mug", ["mug"]),
        ("mgu", ["mug"]),  # two letters swapped
        ("mux", ["mug"]),  # as near to mud, which is rarer
        ("cofee", ["coffee"]),
        ("cofe", ["cofe"]),  # two letters in a short word
        ("hedphonse", ["headphones"]),  # two in a long one
        ("teacup", ["tea", "cup"]),
        ("351", ["351"]),  # numbers are meant as they are
        ("re", ["re"]),
        ("zebra", ["zebra"]),
    ],
)
def test_corrections(word: str, meant: list[str]) -> None:
    assert SPELLING(word) == meant


def test_without_a_vocabulary() -> None:
    assert Spelling({}, stemming("none"))("mug") == ["mug"]


def test_a_known_word_in_another_form_is_right() -> None:
    """By its stem it finds the items, though none of them writes it so."""
    words = {"rug": 5, "mugs": 50}
    assert Spelling(words, stemming("english"))("rugs") == ["rugs"]
    assert Spelling(words, stemming("none"))("rugs") == ["mugs"]
