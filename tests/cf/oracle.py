"""Item-item cosine by dense matrices: the plainest thing that can be right."""

import numpy as np

Neighbours = dict[str, list[tuple[str, float, int]]]


def brute_force(
    pairs: list[tuple[str, str, float]], k: int, shrinkage: float, min_co_users: int
) -> Neighbours:
    """item -> its neighbours as (id, similarity, co-users), best first, ties by id."""
    users = sorted({user for user, _, _ in pairs})
    items = sorted({item for _, item, _ in pairs})
    weights = np.zeros((len(users), len(items)))
    for user, item, weight in pairs:
        weights[users.index(user), items.index(item)] = weight
    lengths = np.sqrt((weights**2).sum(axis=0))
    cosine = (weights.T @ weights) / np.outer(lengths, lengths)
    co_users = (weights > 0).T.astype(int) @ (weights > 0).astype(int)
    shrunk = cosine * co_users / np.maximum(co_users + shrinkage, 1e-300)
    found: Neighbours = {}
    for i, item in enumerate(items):
        others = [
            (items[j], float(shrunk[i, j]), int(co_users[i, j]))
            for j in range(len(items))
            if j != i and co_users[i, j] >= min_co_users
        ]
        found[item] = sorted(others, key=lambda o: (-round(o[1] * 2**40), o[0]))[:k]
    return {item: others for item, others in found.items() if others}
