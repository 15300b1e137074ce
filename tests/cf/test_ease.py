"""EASE: beyond the head, and without an inverse."""

from collections import Counter

import numpy as np
import pytest

from nightshelf.cf.ease import Ease, weights
from nightshelf.errors import ConfigError
from tests.cf.shop import PAIRS, near, random_pairs, told
from tests.conftest import Frame


@pytest.mark.long
def test_beyond_the_head_ease_is_cosine_on_its_scale(frame: Frame) -> None:
    pairs = random_pairs(5, users=60, items=40, n=700)
    lengths = Counter(user for user, _, _ in pairs)
    cost: Counter[str] = Counter()
    for user, item, _ in pairs:
        cost[item] += lengths[user]
    head = set(sorted(cost, key=lambda item: (-cost[item], item))[:12])
    found = told(near(frame(PAIRS, pairs), blocks=2, similarity="ease", ease_items=12))
    cosine = told(near(frame(PAIRS, pairs), blocks=2))
    theirs = {item: {i: s for i, s, _ in cosine[item]} for item in cosine}
    best = [(item, *found[item][0]) for item in head]
    scale = sum(s for _, _, s, _ in best) / sum(theirs[item][i] for item, i, _, _ in best)
    for item in head:
        assert {i for i, _, _ in found[item]} < head
    for item in found.keys() - head:
        expected = [(i, pytest.approx(s * scale), n) for i, s, n in cosine[item]]
        assert found[item] == expected


def test_an_item_matrix_that_has_no_inverse_is_refused() -> None:
    with pytest.raises(ConfigError, match="ease_regularisation: expected one"):
        weights(np.array([[1.0, 3.0], [3.0, 1.0]]), Ease(2, 1e-9))
