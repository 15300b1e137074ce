"""Texts -> vectors without pretrained weights: hashed TF-IDF reduced by SVD.

Latent semantic analysis (Deerwester et al. 1990). Words and pairs of words are hashed, so that
nothing of a text has to be kept but the weights of the hashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize

from nightshelf.text.documents import cleaned
from nightshelf.text.encoder import Encoded

Singles = NDArray[np.float32]
HASHES: Final = 2**16
LETTERS: Final = 8_192


@dataclass(frozen=True)
class Lsa:
    """idf (HASHES,); directions (HASHES, D). Vectors have length 1, or 0 where no word is known."""

    idf: Singles
    directions: Singles

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """The vectors of the texts, in their order."""
        weighted = normalize(_counts(texts).multiply(self.idf).tocsr())
        vectors = normalize(np.asarray(weighted @ self.directions))
        cut = np.array([len(text) > LETTERS for text in texts], np.bool_)
        return Encoded(vectors.astype(np.float32), cut)


def fit(texts: Sequence[str], width: int, seed: int) -> Lsa:
    """Learns from N texts; D is `width`, or N less 1 and at least 1 where there are fewer."""
    counts = _counts(texts)
    weighing = TfidfTransformer(sublinear_tf=False).fit(counts)
    wanted = min(width, max(1, len(texts) - 1))
    svd = TruncatedSVD(wanted, random_state=seed).fit(normalize(counts.multiply(weighing.idf_)))
    return Lsa(weighing.idf_.astype(np.float32), svd.components_.T.astype(np.float32))


def _counts(texts: Sequence[str]) -> csr_matrix:
    """(N, HASHES): how often each hash is in a text, logged."""
    clean = [cleaned(text, LETTERS) for text in texts]
    counts: Any = HashingVectorizer(
        n_features=HASHES, ngram_range=(1, 2), alternate_sign=False, norm=None, dtype=np.float32
    ).transform(clean)
    np.log1p(counts.data, out=counts.data)
    return csr_matrix(counts)
