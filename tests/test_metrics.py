"""Metrics of probabilities, beside scikit-learn's and a plain loop."""

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from nightshelf.metrics import metrics, roc_points

ONES = np.ones(4, np.float32)


def rows(seed: int, n: int = 3_000, users: int = 200) -> tuple[np.ndarray, ...]:
    """Labels that follow the probabilities, with many ties, weights and uneven users."""
    draw = np.random.default_rng(seed)
    p = draw.integers(1, 40, n) / 40
    y = (draw.random(n) < p).astype(np.float32)
    return (
        y,
        p,
        draw.choice([0.0, 1.0, 2.5, 10.0], n),
        (draw.pareto(1.0, n) * 3 % users).astype(int),
    )


@pytest.mark.parametrize("seed", range(5))
def test_auc_and_log_loss_are_scikit_learns(seed: int) -> None:
    y, p, w, users = rows(seed)
    told = metrics(y, p, w, users)
    assert told["auc"] == pytest.approx(roc_auc_score(y, p, sample_weight=w), abs=1e-12)
    expected = log_loss(y, np.clip(p, 1e-7, 1 - 1e-7), sample_weight=w)
    assert told["log_loss"] == pytest.approx(expected, abs=1e-12)
    assert told["rate"] == pytest.approx((w * y).sum() / w.sum())
    assert (told["rows"], told["positives"]) == (3_000, y.sum())


@pytest.mark.parametrize("seed", range(5))
def test_gauc_is_the_users_mean_auc(seed: int) -> None:
    y, p, w, users = rows(seed)
    aucs, sizes = [], []
    for user in np.unique(users):
        mine = (users == user) & (w > 0)
        if len(np.unique(y[mine])) == 2:
            aucs.append(roc_auc_score(y[mine], p[mine], sample_weight=w[mine]))
            sizes.append(w[mine].sum())
    assert 20 < len(aucs) < len(np.unique(users))
    assert metrics(y, p, w, users)["gauc"] == pytest.approx(
        np.average(aucs, weights=sizes), abs=1e-12
    )


def test_a_case_by_hand() -> None:
    y, p = np.array([1, 0, 1, 0]), np.array([0.8, 0.4, 0.4, 0.2])
    told = metrics(y, p, ONES, np.array([7, 7, 9, 9]))
    assert told["auc"] == 0.875
    assert told["gauc"] == 1.0
    assert told["ece"] == pytest.approx((0.2 + 0.2 + 0.2) / 4)  # bins .2, twice .4, .8
    assert told["log_loss"] == pytest.approx(
        -(math.log(0.8) + math.log(0.6) + math.log(0.4) + math.log(0.8)) / 4
    )


@pytest.mark.parametrize("off", [-0.1, 0.0, 0.05])
def test_the_calibration_error_finds_a_planted_offset(off: float) -> None:
    draw = np.random.default_rng(3)
    p = draw.uniform(0.2, 0.8, 400_000)
    y = (draw.random(len(p)) < p + off).astype(np.float64)
    told = metrics(y, p, np.ones(len(p)), np.zeros(len(p)))
    assert told["ece"] == pytest.approx(abs(off), abs=0.004)


def test_bins_hold_equal_weight_and_weights_count() -> None:
    # Fifteen levels of equal weight, each off by its own amount: every one is a bin.
    p = np.repeat(np.arange(15) / 20 + 0.1, 2)
    y = np.tile([0.0, 1.0], 15)
    w = np.tile([3.0, 1.0], 15)
    told = metrics(y, p, w, np.zeros(30))
    assert told["ece"] == pytest.approx(np.abs(0.25 - np.arange(15) / 20 - 0.1).mean())


def test_the_order_of_the_rows_decides_nothing() -> None:
    y, p, w, users = rows(1)
    shuffled = np.random.default_rng(2).permutation(len(y))
    told = metrics(y[shuffled], p[shuffled], w[shuffled], users[shuffled])
    assert told == pytest.approx(metrics(y, p, w, users), abs=1e-12)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_has_no_auc(label: float) -> None:
    p = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    told = metrics(np.full(4, label), p, ONES, np.arange(4))
    assert told.keys() == {"rows", "positives", "rate", "log_loss", "ece"}
    assert all(math.isfinite(value) for value in told.values())
    assert roc_points(np.full(4, label), p, ONES) == []


def test_one_class_by_user_has_an_auc_but_no_gauc() -> None:
    told = metrics(np.array([1, 1, 0, 0]), np.array([0.9, 0.8, 0.7, 0.1]), ONES, np.arange(4) // 2)
    assert told["auc"] == 1.0
    assert "gauc" not in told


def test_no_rows_and_no_weight() -> None:
    none = np.empty(0)
    assert metrics(none, none, none, none) == {"rows": 0.0, "positives": 0.0}
    assert roc_points(none, none, none) == []
    told = metrics(np.array([1, 0]), np.array([0.5, 0.4]), np.zeros(2), np.zeros(2))
    assert told == {"rows": 2.0, "positives": 1.0}


def test_a_probability_that_is_no_number_leaves_no_figure_standing() -> None:
    told = metrics(np.array([1, 0, 1, 0]), np.array([0.9, np.nan, 0.7, 0.1]), ONES, np.zeros(4))
    assert {name for name, value in told.items() if math.isnan(value)} == {
        "auc", "gauc", "log_loss", "ece",
    }  # fmt: skip


def test_certain_and_wrong_is_a_finite_loss() -> None:
    told = metrics(np.array([1, 0, 1, 0]), np.array([0.0, 1.0, 1.0, 0.0]), ONES, np.zeros(4))
    assert told["log_loss"] == pytest.approx(-math.log(1e-7) / 2)


def test_the_curve_runs_from_corner_to_corner_and_has_the_area() -> None:
    y, p, w, _ = rows(4)
    points = np.array(roc_points(y, p, w, n=500))
    assert points.shape == (500, 2)
    assert points[0].tolist() == [0.0, 0.0]
    assert points[-1] == pytest.approx([1.0, 1.0])
    assert (np.diff(points, axis=0) >= 0).all()
    assert np.trapz(points[:, 1], points[:, 0]) == pytest.approx(
        roc_auc_score(y, p, sample_weight=w), abs=1e-3
    )


def test_a_perfect_curve_turns_in_the_corner() -> None:
    points = roc_points(np.array([1, 1, 0, 0]), np.array([0.9, 0.8, 0.2, 0.1]), ONES, n=5)
    assert points == [(0.0, 0.0), (0.0, 0.5), (0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]
