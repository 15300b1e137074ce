"""Words that no item has -> the word that was meant, if one is near enough."""

from collections.abc import Mapping
from functools import cached_property
from typing import Final

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from nightshelf.search.terms import Stem

SHORTEST: Final = 3
LONG: Final = 8


class Spelling:
    """Corrects words by a vocabulary: word -> in how many items it is.

    A word that no item has, nor another word of its stem, becomes the nearest that some have, by
    optimal string alignment: at most one letter more, fewer, other or swapped with the next, or two
    in words of at least `LONG` letters. Of equally near ones the more frequent is taken, then the
    first. Failing that, it is cut in two where both parts are known; failing that, it stays, as
    words with digits do.
    """

    def __init__(self, vocabulary: Mapping[str, int], stem: Stem) -> None:
        self.vocabulary, self.stem = vocabulary, stem
        self._known = sorted(word for word in vocabulary if not _has_digit(word))
        self._lengths = np.array([len(word) for word in self._known], np.int64)
        self._memo: dict[str, list[str]] = {}

    def __call__(self, word: str) -> list[str]:
        """The word or words that were meant."""
        if word not in self._memo:
            self._memo[word] = self._corrected(word)
        return self._memo[word]

    def _corrected(self, word: str) -> list[str]:
        if word in self.vocabulary or len(word) < SHORTEST or _has_digit(word):
            return [word]
        if self.stem(word) in self._stems:
            return [word]
        near = self._nearest(word)
        parts = self._cut(word)
        if near and (near[0] == 1 or not parts):
            return [near[1]]
        return parts or [word]

    @cached_property
    def _stems(self) -> set[str]:
        return set(map(self.stem, self._known))

    def _nearest(self, word: str) -> tuple[int, str] | None:
        most = 2 if len(word) >= LONG else 1
        places = np.flatnonzero(np.abs(self._lengths - len(word)) <= most)
        found = process.extract(
            word,
            [self._known[place] for place in places],
            scorer=OSA.distance,
            processor=None,
            score_cutoff=most,
            limit=None,
        )
        told = [(int(distance), -self.vocabulary[other], other) for other, distance, _ in found]
        return (best[0], best[2]) if (best := min(told, default=None)) else None

    def _cut(self, word: str) -> list[str]:
        cuts = [(word[:n], word[n:]) for n in range(2, len(word) - 1)]
        known = [cut for cut in cuts if cut[0] in self.vocabulary and cut[1] in self.vocabulary]
        return list(max(known, key=lambda c: min(map(self.vocabulary.__getitem__, c)), default=()))


def _has_digit(word: str) -> bool:
    return any(letter.isdigit() for letter in word)
