"""Texts of about one length together, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nightshelf.text.documents import cleaned
from nightshelf.text.weights import Shape

Ints = NDArray[np.int64]
LETTERS_A_TOKEN: Final = 24
"""Far more than any language's tokens have: what is cut away by letters, tokens would cut too."""


@dataclass(frozen=True)
class Tokens:
    """Tokenised texts, or pairs of texts.

    ids of each; cut (N,): whether there was more than was kept; types of the ids, for models that
    tell the first text of a pair from the second.
    """

    ids: Sequence[Sequence[int]]
    cut: NDArray[np.bool_]
    types: Sequence[Sequence[int]] | None = None


@dataclass(frozen=True)
class Batch:
    """B texts of at most L tokens: rows (B,) are their places; ids, mask and types (B, L).

    mask: 1 where there is a token. types: None where the model has none.
    """

    rows: Ints
    ids: Ints
    mask: Ints
    types: Ints | None = None


class Tokenizer:
    """A pretrained tokenizer that keeps at most `max_tokens` of a text or of a pair of texts.

    Fewer where its model has fewer positions. Raises ConfigError as `Shape.of` does.
    """

    def __init__(self, folder: Path, max_tokens: int) -> None:
        from transformers import AutoTokenizer

        self.max_tokens = min(max_tokens, Shape.of(folder).positions)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder))
        self.padding = int(self._tokenizer.pad_token_id or 0)

    def pairs(self, first: Sequence[str], second: Sequence[str]) -> Tokens:
        """The tokens of each pair of texts, cleaned; what is too long is cut from the longer one.

        A pair that fills the place there is counts as cut.
        """
        letters = self.max_tokens * LETTERS_A_TOKEN
        told = self._tokenizer(
            [cleaned(text, letters) for text in first],
            [cleaned(text, letters) for text in second],
            truncation="longest_first",
            max_length=self.max_tokens,
            return_attention_mask=False,
            return_token_type_ids=True,
        )
        ids = told["input_ids"]
        cut = np.array([len(own) == self.max_tokens for own in ids], np.bool_)
        return Tokens(ids, cut, told["token_type_ids"])

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """The tokens of each text, cleaned."""
        letters = self.max_tokens * LETTERS_A_TOKEN
        clean = [cleaned(text, letters) for text in texts]
        told = self._tokenizer(
            clean,
            truncation=True,
            max_length=self.max_tokens + 1,  # one more tells that there are more
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        longer = [len(own) > self.max_tokens for own in told]
        last = self.max_tokens - 1  # the last token closes the text
        kept = [own[:last] + own[-1:] if c else own for own, c in zip(told, longer, strict=True)]
        cut = [c or len(own) == letters for c, own in zip(longer, clean, strict=True)]
        return Tokens(kept, np.array(cut, np.bool_))


def batches(tokens: Tokens, padding: int, at_once: int) -> Iterator[Batch]:
    """All texts, shortest first, in batches of at most `at_once` tokens, padded, or one text."""
    lengths = np.array([len(own) for own in tokens.ids], np.int64)
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and lengths[order[end]] * (end + 1 - start) <= at_once:
            end += 1
        yield _padded(order[start:end], tokens, lengths, padding)
        start = end


def _padded(rows: Ints, tokens: Tokens, lengths: Ints, padding: int) -> Batch:
    own = lengths[rows]
    mask = np.arange(own.max())[None, :] < own[:, None]
    ids = np.full(mask.shape, padding, np.int64)
    ids[mask] = np.concatenate([tokens.ids[row] for row in rows])
    if tokens.types is None:
        return Batch(rows, ids, mask.astype(np.int64))
    types = np.zeros_like(ids)
    types[mask] = np.concatenate([tokens.types[row] for row in rows])
    return Batch(rows, ids, mask.astype(np.int64), types)
