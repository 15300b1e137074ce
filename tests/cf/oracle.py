"""Item-item similarities by dense matrices: the plainest thing that can be right."""

import numpy as np

from nightshelf.cf.ease import Ease

EASE = Ease(items=1000, regularisation=2.0, noise=0.25)

Neighbours = dict[str, list[tuple[str, float, int]]]


def brute_force(
    pairs: list[tuple[str, str, float]],
    k: int,
    shrinkage: float,
    min_co_users: int,
    similarity: str = "cosine",
) -> Neighbours:
    """item -> its neighbours as (id, similarity, co-users), best first, ties by id."""
    users = sorted({user for user, _, _ in pairs})
    items = sorted({item for _, item, _ in pairs})
    weights = np.zeros((len(users), len(items)))
    for user, item, weight in pairs:
        weights[users.index(user), items.index(item)] = weight
    co_users = (weights > 0).T.astype(int) @ (weights > 0).astype(int)
    alike = _similarities(similarity, weights, co_users)
    shrunk = alike * co_users / np.maximum(co_users + shrinkage, 1e-300)
    found: Neighbours = {}
    for i, item in enumerate(items):
        others = [
            (items[j], float(shrunk[i, j]), int(co_users[i, j]))
            for j in range(len(items))
            if j != i and co_users[i, j] >= min_co_users
        ]
        others.sort(key=lambda o: (-float(f"{abs(o[1]):.11e}"), o[0]))
        found[item] = sorted(others[:k], key=lambda o: (-float(f"{o[1]:.11e}"), o[0]))
    return {item: others for item, others in found.items() if others}


def _similarities(name: str, weights: np.ndarray, co_users: np.ndarray) -> np.ndarray:
    """(I, I) from weights (U, I)."""
    users = np.diag(co_users)
    if name == "jaccard":
        return co_users / (users[:, None] + users[None, :] - co_users)
    if name == "ease":
        gram = weights.T @ weights
        gram += np.diag(EASE.regularisation + EASE.noise * np.diag(gram))
        inverse = np.linalg.inv(gram)
        return inverse / -np.diag(inverse)
    idf = np.log(weights.shape[1]) - np.log1p((weights > 0).sum(axis=1, keepdims=True))
    if name == "tfidf":
        weights = np.sqrt(weights) * idf
    if name == "bm25":
        totals = weights.sum(axis=0)
        norm = 0.25 + 0.75 * totals / totals.mean()
        weights = weights * 2.2 / (1.2 * norm + weights) * idf
        return weights.T @ weights
    lengths = np.sqrt((weights**2).sum(axis=0))
    return (weights.T @ weights) / np.outer(lengths, lengths)
