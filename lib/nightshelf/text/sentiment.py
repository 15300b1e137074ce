"""How pleased a review is, learnt from the shop's own rated ones.

Logistic regression on TF-IDF of words and pairs of words, as strong on reviews as much larger
models (Wang and Manning 2012, "Baselines and bigrams").
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from nightshelf.learning import checkpoint
from nightshelf.learning.storage import Folder
from nightshelf.text.hashed import counts, weighted

FITTED: Final = "sentiment"
HELD_OUT: Final = 5
"""One of so many reviews judges what the others taught."""

_STRENGTH: Final = 4.0
"""Inverse of the L2 penalty; chosen on clothing reviews, where 1 to 16 differ by .003 of AUC."""
_SENTENCE: Final = re.compile(r"(?<=[.!?;。！？])\s*|\n+")
_WORD: Final = re.compile(r"\w+")

Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Sentiment:
    """idf, weights (HASHES,); bias. `told`: `auc` of the reviews held out, `mean` of all scores."""

    idf: Singles
    weights: Singles
    bias: float
    told: Mapping[str, Any]

    def __call__(self, texts: Sequence[str]) -> Doubles:
        """(N,): the chance that who wrote each text is pleased."""
        scores = weighted(counts(texts), self.idf) @ self.weights + self.bias
        return np.asarray(expit(scores.astype(np.float64)))

    def save(self, folder: Folder) -> None:
        """Writes it to a folder."""
        tensors = {"idf": torch.from_numpy(self.idf), "weights": torch.from_numpy(self.weights)}
        checkpoint.write(folder, FITTED, tensors, {**self.told, "bias": self.bias})

    @staticmethod
    def load(folder: Folder) -> "Sentiment":
        """That of a folder. Raises DataQualityError where there is none, or a torn one."""
        tensors, told = checkpoint.read(folder, FITTED)
        return Sentiment(tensors["idf"].numpy(), tensors["weights"].numpy(), told["bias"], told)


def fit(texts: Sequence[str], pleased: Sequence[bool]) -> Sentiment:
    """Learns from N texts, of which every `HELD_OUT`th only judges.

    `auc` is NaN where those held out, or the others, are all pleased or all displeased.
    """
    labels = np.asarray(pleased, np.int64)
    found = counts(texts)
    held = np.arange(len(labels)) % HELD_OUT == HELD_OUT - 1
    idf = TfidfTransformer().fit(found[~held]).idf_.astype(np.float32)
    if any(len(np.unique(labels[part])) < 2 for part in (held, ~held)):
        return Sentiment(idf, np.zeros_like(idf), 0.0, {"auc": float("nan"), "mean": 0.5})
    model = LogisticRegression(C=_STRENGTH, solver="liblinear", random_state=0)
    model.fit(weighted(found[~held], idf), labels[~held])
    weights, bias = model.coef_[0].astype(np.float32), float(model.intercept_[0])
    scores = expit(weighted(found, idf) @ weights + bias)
    auc = float(roc_auc_score(labels[held], scores[held]))
    return Sentiment(idf, weights, bias, {"auc": auc, "mean": float(scores.mean())})


@dataclass(frozen=True)
class Opinions:
    """What reviews say: of the item as a whole, and sentence by sentence of its aspects."""

    sentiment: Sentiment
    aspects: Mapping[str, Sequence[str]]
    """By name, the words in small letters that speak of it."""

    def __call__(self, texts: Sequence[str]) -> tuple[Doubles, list[dict[str, float]]]:
        """(N,) how pleased each text is; of each, the mean of its sentences about each aspect."""
        sentences: dict[str, int] = {}
        spoken: list[list[tuple[str, int]]] = [
            [
                (aspect, sentences.setdefault(sentence, len(sentences)))
                for sentence in _SENTENCE.split(text)
                for aspect in self._aspects_of(sentence)
            ]
            for text in texts
        ]
        scores = self.sentiment([*texts, *sentences])
        of_sentences = scores[len(texts) :]
        return scores[: len(texts)], [_means(told, of_sentences) for told in spoken]

    def _aspects_of(self, sentence: str) -> list[str]:
        words = set(_WORD.findall(sentence.casefold()))
        return sorted(set().union(*(self._by_word.get(word, ()) for word in words)))

    @cached_property
    def _by_word(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for aspect, words in self.aspects.items():
            for word in words:
                found.setdefault(word.casefold(), []).append(aspect)
        return found


def _means(told: Sequence[tuple[str, int]], scores: Doubles) -> dict[str, float]:
    sums: dict[str, list[float]] = {}
    for aspect, sentence in told:
        sums.setdefault(aspect, []).append(float(scores[sentence]))
    return {aspect: float(np.mean(found)) for aspect, found in sorted(sums.items())}
