"""Calibration: planted errors undone, order kept, values that JSON can carry."""

import json
from typing import get_args

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from nightshelf.ctr.calibrating import fit
from nightshelf.ctr.calibration import Calibration, Kind
from nightshelf.errors import DataQualityError
from nightshelf.metrics import metrics

KINDS = get_args(Kind)
FITTED = ("isotonic", "platt")


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def planted(seed: int, n: int = 60_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits twice too extreme and one too high, and labels of the truth."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(-2, 1, n)
    labels = (draw.random(n) < sigmoid(truth)).astype(np.float32)
    return (2 * truth + 1).astype(np.float32), labels


def ece(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    ones = np.ones(len(labels)) if weights is None else weights
    return metrics(labels, probabilities, ones, ones)["ece"]


@pytest.mark.parametrize("kind", FITTED)
def test_a_planted_error_is_undone_on_other_rows(kind: Kind) -> None:
    logits, labels = planted(1)
    made = fit(kind, logits, labels, np.ones(len(logits)))
    others, truths = planted(2)
    before, after = ece(truths, sigmoid(others.astype(float))), ece(truths, made.apply(others))
    assert before > 0.05
    assert after < 0.005
    told = made.apply(np.array([-3.0, -1.0], np.float32))
    assert told == pytest.approx(sigmoid(np.array([-2.0, -1.0])), abs=0.02)


def test_platt_is_a_logistic_regression_on_many_rows() -> None:
    logits, labels = planted(1)
    weights = np.where(labels > 0, 1.0, 3.0)
    made = fit("platt", logits, labels, weights)
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(
        logits[:, None].astype(float), labels, sample_weight=weights
    )
    assert made.slope == pytest.approx(peer.coef_[0, 0], rel=1e-3)
    assert made.intercept == pytest.approx(peer.intercept_[0], rel=1e-3)


@pytest.mark.parametrize("kind", FITTED)
def test_weights_bring_back_the_negatives_that_were_left_out(kind: Kind) -> None:
    logits, labels = planted(3)
    keep = (labels > 0) | (np.random.default_rng(0).random(len(labels)) < 0.1)
    weights = np.where(labels > 0, 1.0, 10.0)
    made = fit(kind, logits[keep], labels[keep], weights[keep])
    unweighted = fit(kind, logits[keep], labels[keep], np.ones(keep.sum()))
    assert made.apply(logits).mean() == pytest.approx(labels.mean(), rel=0.02)
    assert unweighted.apply(logits).mean() > 2 * labels.mean()


@pytest.mark.parametrize("kind", FITTED)
def test_larger_logits_get_larger_probabilities_everywhere(kind: Kind) -> None:
    logits, labels = planted(4, n=5_000)
    made = fit(kind, logits, labels, np.ones(len(logits)))
    knots = np.float32(made.thresholds)
    beside = [np.nextafter(knots, np.float32(way)) for way in (-np.inf, np.inf)]
    far = np.float32([-90, -40, -30.000002, -30, 29.999998, 30, 40, 90])
    ordered = np.unique(np.concatenate([logits, knots, *beside, far]))
    told = made.apply(ordered)
    assert (np.diff(told) > 0).all()
    assert told[0] > 0
    assert told[-1] < 1


def test_none_is_the_sigmoid() -> None:
    logits = np.float32([-700, -2, 0, 3, 700])
    made = fit("none", logits, np.ones(5), np.ones(5))
    assert made.apply(logits)[1:4] == pytest.approx(sigmoid(np.array([-2.0, 0.0, 3.0])))
    assert made.apply(logits)[-1] == 1.0


def test_a_small_isotonic_curve_by_hand() -> None:
    made = fit("isotonic", np.float32([1, 2, 3, 4]), np.float32([0, 1, 0, 1]), np.ones(4))
    assert made.apply(np.array([1.0, 2.0, 2.5, 3.0, 4.0])) == pytest.approx(
        [1 / 8, 3 / 8, 1 / 2, 5 / 8, 7 / 8], abs=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_json_brings_back_the_same(kind: Kind) -> None:
    logits, labels = planted(5, n=2_000)
    made = fit(kind, logits, labels, np.ones(len(logits)))
    again = Calibration.from_plain(json.loads(json.dumps(made.to_plain())))
    assert again == made
    assert again.apply(logits).tobytes() == made.apply(logits).tobytes()


@pytest.mark.parametrize("kind", FITTED)
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_gives_nearly_its_rate_in_order(kind: Kind, label: float) -> None:
    logits = np.linspace(-2, 2, 1_000).astype(np.float32)
    made = fit(kind, logits, np.full(1_000, label), np.ones(1_000))
    told = made.apply(logits)
    assert told == pytest.approx(np.full(1_000, label), abs=0.002)
    assert (np.diff(told) > 0).all()
    assert 0 < told.min() < told.max() < 1


@pytest.mark.parametrize("kind", FITTED)
def test_logits_that_speak_against_the_labels_keep_their_order(kind: Kind) -> None:
    logits, labels = planted(6, n=4_000)
    made = fit(kind, -logits, labels, np.ones(len(logits)))
    told = made.apply(np.sort(np.unique(-logits)))
    assert (np.diff(told) > 0).all()
    # The line through a step's middle does not keep its mean; one step for all shows it most.
    near = 0.02 if kind == "platt" else 0.15
    assert made.apply(-logits).mean() == pytest.approx(labels.mean(), rel=near)


def test_separated_classes_have_a_finite_slope() -> None:
    made = fit("platt", np.float32([-1, -0.5, 0.5, 1]), np.float32([0, 0, 1, 1]), np.ones(4))
    assert 0 < made.slope < 10
    # Platt's targets are 1/4 and 3/4.
    assert made.apply(np.array([0.75]))[0] == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("kind", FITTED)
def test_the_order_of_the_rows_decides_nothing_that_shows(kind: Kind) -> None:
    logits, labels = planted(7, n=3_000)
    weights = np.random.default_rng(1).choice([1.0, 4.0], len(logits))
    shuffled = np.random.default_rng(2).permutation(len(logits))
    made = fit(kind, logits, labels, weights)
    again = fit(kind, logits[shuffled], labels[shuffled], weights[shuffled])
    assert again.apply(logits) == pytest.approx(made.apply(logits), abs=1e-6)


def test_what_cannot_be_learnt_from_is_refused() -> None:
    logits, ones = np.float32([0, np.nan, np.inf]), np.ones(3)
    with pytest.raises(DataQualityError, match="found 2 of 3 that are not"):
        fit("isotonic", logits, ones, ones)
    with pytest.raises(DataQualityError, match="no row to learn from"):
        fit("platt", np.zeros(3), ones, np.zeros(3))
