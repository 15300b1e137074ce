"""Texts -> vectors without pretrained weights: hashed TF-IDF reduced by SVD.

Latent semantic analysis (Deerwester et al. 1990).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from nightshelf.text.encoder import Encoded
from nightshelf.text.hashed import HASHES, LETTERS, counts, weighted

Singles = NDArray[np.float32]
LEAST: Final = 2
"""Fewer texts differ in nothing that could be learnt."""


@dataclass(frozen=True)
class Lsa:
    """idf (HASHES,); directions (HASHES, D). Vectors have length 1, or 0 where no word is known."""

    idf: Singles
    directions: Singles

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """The vectors of the texts, in their order."""
        vectors = normalize(np.asarray(weighted(counts(texts), self.idf) @ self.directions))
        cut = np.array([len(text) > LETTERS for text in texts], np.bool_)
        return Encoded(vectors.astype(np.float32), cut)


def fit(texts: Sequence[str], width: int, seed: int) -> Lsa:
    """Learns from N texts; D is `width`, or N less 1 and at least 1 where there are fewer.

    A hash that is in none of them has no direction, not even one of rounding errors.
    """
    told = counts(texts)
    weighing = TfidfTransformer(sublinear_tf=False).fit(told)
    wanted = min(width, max(1, len(texts) - 1))
    # OpenBLAS 0.3.30, which scipy brings, waits for itself for ever where it factorises some shapes
    # by threads in a process that has forked since. By one, vectors are those of any machine, too.
    with threadpool_limits(1, user_api="blas"):
        svd = TruncatedSVD(wanted, random_state=seed).fit(weighted(told, weighing.idf_))
    known = np.isin(np.arange(HASHES), told.indices)
    directions = np.where(known[:, None], svd.components_.T, 0.0)
    return Lsa(weighing.idf_.astype(np.float32), directions.astype(np.float32))
