"""How a history's weights become the components of item vectors, and when they are divided.

A similarity is a sum over the users of both items of the product of two components, times a factor
of each item. With w the pair's weight, h the items in the user's history, I all items:

    cosine   w                                     divided by both lengths (Sarwar et al. 2001)
    tfidf    sqrt(w) * idf                         divided by both lengths
    bm25     w * (K1 + 1) / (K1 * n + w) * idf     not divided (Robertson & Walker 1994)
    jaccard  1                                     users of both / users of either
    ease     a regression on the products of cosine: see `ease`

idf = |log I - log(1 + h)|: users who take everything tell little of any item. n = 1 - B + B * (the
item's summed weight / the mean over items). These are the definitions of implicit 0.7.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nightshelf.cf.catalogue import Catalogue
from nightshelf.cf.events import WEIGHT_BITS
from nightshelf.cf.histories import Histories

Similarity = Literal["cosine", "tfidf", "bm25", "jaccard", "ease"]
Floats = NDArray[np.float64]

BM25_K1, BM25_B = 1.2, 0.75


def components(similarity: Similarity, some: Histories, plain: Catalogue | None) -> Floats:
    """(N,): the component of each entry. `plain` is the catalogue measured with plain weights.

    Only tfidf and bm25 need it.
    """
    if similarity == "jaccard":
        return np.ones(len(some.weights))
    weights: Floats = some.weights * 2.0**-WEIGHT_BITS
    if similarity == "cosine":
        return weights
    assert plain is not None
    lengths = np.diff(some.indptr)
    idf: Floats = np.repeat(np.abs(np.log(len(plain)) - np.log1p(lengths)), lengths)
    if similarity == "tfidf":
        return np.asarray(np.sqrt(weights) * idf)
    totals = plain.weight * 2.0**-WEIGHT_BITS
    norm = 1.0 - BM25_B + BM25_B * totals / totals.mean()
    norm = norm[plain.labels(some.ids)][some.items]
    return np.asarray(weights * (BM25_K1 + 1.0) / (BM25_K1 * norm + weights) * idf)


def needs_totals(similarity: Similarity) -> bool:
    """Whether components depend on the whole catalogue."""
    return similarity in ("tfidf", "bm25")


def factors(similarity: Similarity, catalogue: Catalogue) -> Floats:
    """(I,): what a sum of products of units is multiplied with, once for each of its items.

    Where the catalogue is even, co-users are counted: the factor holds the item's component then.
    """
    unit = catalogue.component * catalogue.scale if catalogue.even else np.ones(len(catalogue))
    if similarity == "bm25":
        return np.asarray(unit / catalogue.scale)
    return np.asarray(unit / np.where(catalogue.length > 0, catalogue.length, 1.0))
