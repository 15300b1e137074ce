"""nDCG and AUC of scores, by hand."""

from math import log2

import numpy as np
import pytest

from nightshelf.text.judging import judged


def test_by_hand() -> None:
    scores = np.array([3.0, 2.0, 1.0, 5.0, 5.0, 1.0])
    labels = np.array([0.0, 1.0, 0.5, 0.5, 0.5, 1.0])
    weights = np.ones(6)
    groups = np.array([1, 1, 1, 2, 2, 3])
    found = judged(scores, labels, weights, groups)
    best = 1.0 + 0.5 / log2(3)
    assert found["ndcg@10"] == pytest.approx((1.0 / log2(3) + 0.5 / 2) / best)  # the first alone
    assert found["groups"] == 1
    assert found["rows"] == 6
    positive, negative = labels, 1 - labels
    wins = sum(
        p * n * (1.0 if s > t else 0.5 if s == t else 0.0)
        for s, p in zip(scores, positive, strict=True)
        for t, n in zip(scores, negative, strict=True)
    )
    assert found["auc"] == pytest.approx(wins / (positive.sum() * negative.sum()))


def test_nothing_to_tell_apart() -> None:
    found = judged(*(np.ones(2) for _ in range(3)), np.array([1, 1]))
    assert (found["ndcg@10"], found["groups"], found["auc"]) == (0.0, 0.0, 0.5)
