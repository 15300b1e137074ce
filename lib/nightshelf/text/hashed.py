"""Texts as counts of their words and pairs of words, hashed: no vocabulary has to be kept."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from nightshelf.text.documents import cleaned

HASHES: Final = 2**16
LETTERS: Final = 8_192
"""What is longer is cut."""


Weights = NDArray[Any]


def counts(texts: Sequence[str]) -> csr_matrix:
    """(N, HASHES): ln(1 + how often each hash is in a text)."""
    clean = [cleaned(text, LETTERS) for text in texts]
    found: Any = HashingVectorizer(
        n_features=HASHES, ngram_range=(1, 2), alternate_sign=False, norm=None, dtype=np.float32
    ).transform(clean)
    np.log1p(found.data, out=found.data)
    return csr_matrix(found)


def weighted(found: csr_matrix, idf: Weights) -> csr_matrix:
    """Counts (N, HASHES) times idf (HASHES,), as rows of length 1, or 0 where no word is known."""
    return normalize(found.multiply(idf).tocsr())
