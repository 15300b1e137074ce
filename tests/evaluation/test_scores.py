"""Areas, losses and curves of scored rows: against scikit-learn, and of rows that say nothing."""

from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame
from sklearn.metrics import log_loss, roc_auc_score

from nightshelf.evaluation.facts import NO_FACTS
from nightshelf.evaluation.figures import OfShown, scored
from nightshelf.evaluation.people import Outcomes
from nightshelf.evaluation.scores import NO_PROBABILITIES, NO_ROWS, score_means
from nightshelf.sending import send
from tests.conftest import Frame

ROWS = "segment string, bucket int, score double, label double, weight double"
LISTS = "user_id string, item_id string, rank int, score double, source string"
PAIRS = "user_id string, item_id string"


def told(rows: DataFrame, unfit: str | None = None) -> dict[tuple[str, str], Any]:
    found = rows.transform(score_means(300, unfit)).collect()
    return {(row["segment"], row["metric"]): row for row in found}


def test_equals_scikit_learn_with_ties(frame: Frame) -> None:
    rng = np.random.default_rng(5)
    bucket = rng.integers(0, 200, 5_000)
    score = np.round(rng.beta(2, 8, 5_000), 2).clip(0.01, 0.99)
    label = (rng.random(5_000) < score).astype(float)
    rows = [
        ("all", int(b), float(s), float(y), 1.0)
        for b, s, y in zip(bucket, score, label, strict=True)
    ]
    found = told(frame(ROWS, rows))
    auc = found["all", "auc"]
    assert auc["value"] == pytest.approx(roc_auc_score(label, score), abs=1e-9)
    assert auc["low"] < auc["value"] < auc["high"]
    # Rows of a bucket are independent here: DeLong's interval, about.
    placed = [(score[label == 0] < s).mean() + (score[label == 0] == s).mean() / 2 for s in score]
    above = [(score[label == 1] > s).mean() + (score[label == 1] == s).mean() / 2 for s in score]
    positive, negative = np.array(placed)[label == 1], np.array(above)[label == 0]
    error = np.sqrt(positive.var() / len(positive) + negative.var() / len(negative))
    assert auc["high"] - auc["low"] == pytest.approx(2 * 1.96 * error, rel=0.2)
    loss = found["all", "log_loss"]
    assert loss["value"] == pytest.approx(log_loss(label, score), abs=1e-9)
    assert loss["low"] < loss["value"] < loss["high"]
    assert 0 < found["all", "ece"]["value"] < 0.05
    assert found["all", "true_positives@0.00"]["value"] == pytest.approx(0, abs=0.05)
    assert found["all", "true_positives@1.00"]["value"] == pytest.approx(1)
    assert found["all", "predicted@1"]["value"] < found["all", "predicted@15"]["value"]
    counts = [row["n"] for (_, metric), row in found.items() if metric.startswith("observed@")]
    assert sum(counts) == 5_000


def test_the_order_in_which_rows_come_changes_no_bit(frame: Frame) -> None:
    rng = np.random.default_rng(6)
    score = rng.random(3_000)
    rows = [("all", n % 50, float(s), float(rng.random() < s), 1.0) for n, s in enumerate(score)]
    assert told(frame(ROWS, rows)) == told(frame(ROWS, rows[::-1]))


def test_one_bucket_tells_no_bounds(frame: Frame) -> None:
    rows = [("few", 3, 0.5, 1.0, 1.0), ("few", 3, 0.4, 0.0, 1.0), ("few", 3, 0.6, 0.0, 1.0)]
    found = told(frame(ROWS, rows))
    for metric in ("auc", "log_loss"):
        row = found["few", metric]
        assert row["value"] is not None
        assert (row["low"], row["high"]) == (None, None)


def test_one_class_and_scores_that_are_no_probabilities(frame: Frame) -> None:
    rows = [("all", 1, 0.5, 1.0, 1.0), ("all", 2, 7.0, 1.0, 1.0), ("new", 1, 0.5, 0.0, 1.0)]
    found = told(frame(ROWS, rows), NO_PROBABILITIES)
    for segment in ("all", "new"):
        row = found[segment, "auc"]
        assert (row["value"], row["low"]) == (None, None)
        assert row["why"] == "no positive, or no negative: the area is not defined"
        assert "no probabilities" in found[segment, "ece"]["why"]
    assert ("all", "predicted@1") not in found
    assert ("new", "true_positives@0.50") not in found


def test_rows_that_users_saw_are_judged_where_the_source_tells(frame: Frame) -> None:
    """Never those that everyone without a list is shown, which no model scored."""
    own = [("u", "a", 1, 0.9, "cf"), ("u", "b", 2, 0.8, "cf"), ("v", "a", 1, 0.7, "cf")]
    lists = frame(LISTS, [*own, ("__new__", "b", 1, 3.0, "trend")])
    wanted = frame(PAIRS, [("u", "b"), ("w", "b")])
    facts = send(lists.sparkSession.sparkContext, NO_FACTS)

    def labels(
        outcomes: Outcomes, of_shown: OfShown | None = None
    ) -> list[tuple[float, float, float]]:
        rows = lists.transform(scored(outcomes, facts, of_shown)).where("segment = 'all'")
        return sorted((row["score"], row["label"], row["weight"]) for row in rows.collect())

    assert labels(Outcomes(wanted)) == [(0.8, 1.0, 1.0), (0.9, 0.0, 1.0)]
    seen = f"{PAIRS}, shown bigint, clicked bigint, bought bigint"
    shown = frame(
        seen, [("u", "a", 4, 1, 2), ("v", "a", 2, 0, 0), ("v", "z", 2, 2, 0), ("w", "b", 1, 1, 0)]
    )
    outcomes = Outcomes(wanted, shown)
    assert labels(outcomes, "clicked") == [(0.7, 0.0, 2.0), (0.9, 0.25, 4.0)]
    assert labels(outcomes, "bought") == [(0.7, 0.0, 2.0), (0.9, 0.5, 4.0)]
    assert labels(outcomes) == [(0.8, 1.0, 1.0), (0.9, 0.0, 1.0)]


def test_a_row_that_was_shown_often_counts_as_often(frame: Frame) -> None:
    """As told row by row: ten looks at what is clicked one time in ten are as they should be."""
    at_once = [("all", 1, 0.1, 0.1, 10.0), ("all", 2, 0.4, 0.5, 4.0), ("all", 3, 0.2, 0.0, 6.0)]
    singly = [
        ("all", bucket, score, float(n < round(label * weight)), 1.0)
        for _, bucket, score, label, weight in at_once
        for n in range(int(weight))
    ]
    one, other = (told(frame(ROWS, rows)) for rows in (at_once, singly))
    assert one.keys() == other.keys()
    for key, row in one.items():
        for column in ("value", "low", "high", "n"):
            assert row[column] == pytest.approx(other[key][column], abs=1e-12), (key, column)
    assert one["all", "ece"]["value"] == pytest.approx((4 * 0.1 + 6 * 0.2) / 20)


def test_without_a_row_what_is_missing_has_its_reason(frame: Frame) -> None:
    found = told(frame(ROWS, []))
    assert found.keys() == {("all", "auc"), ("all", "log_loss"), ("all", "ece")}
    for row in found.values():
        assert (row["value"], row["n"], row["source"]) == (None, 0, "all")
        assert row["why"] == NO_ROWS
