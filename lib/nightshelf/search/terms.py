"""Texts and queries -> terms, by which they match."""

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import snowballstemmer

from nightshelf.text.documents import cleaned

LETTERS: Final = 100_000
"""Of a text, about so many letters are read: a book's worth of a description."""

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Scripts that are written without spaces: Thai, Lao, Khmer, kana, Han.
_UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+")

Stem = Callable[[str], str]


def normalised(query: str) -> str:
    """The query as it is looked up: small letters, single spaces, compatible forms made one."""
    return cleaned(query, LETTERS).casefold()


def words(text: str) -> list[str]:
    """The words of a text, in small letters; of scripts without spaces, all pairs of letters."""
    found: list[str] = []
    for word in _WORD.findall(cleaned(text, LETTERS).casefold()):
        start = 0
        for run in _UNSPACED.finditer(word):
            found += [word[start : run.start()]] if run.start() > start else []
            found += pairs(run.group())
            start = run.end()
        found += [word[start:]] if start < len(word) else []
    return found


def pairs(run: str) -> list[str]:
    """All pairs of neighbouring letters, or the one letter there is."""
    return [run[n : n + 2] for n in range(len(run) - 1)] or [run]


def stemming(language: str) -> Stem:
    """A word -> its stem, by Snowball's rules of the language; `none`: the word itself."""
    if language == "none":
        return lambda word: word
    stemmer: Any = snowballstemmer.stemmer(language)

    @functools.lru_cache(maxsize=1 << 18)
    def stem(word: str) -> str:
        return str(stemmer.stemWord(word.replace("’", "'")))

    return stem


def stems(told: Sequence[str], stem: Stem, most: int) -> list[str]:
    """The distinct stems of words in their order, at most so many."""
    return list(dict.fromkeys(map(stem, told)))[:most]
