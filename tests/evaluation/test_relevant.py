"""What events after a day tell about the lists of that day."""

from datetime import date, timedelta

import pytest

from nightshelf.config import EvaluateConfig, FeedbackConfig
from nightshelf.evaluation.relevant import happened, logged, relevant
from tests.conftest import Frame

EVENTS = (
    "user_id string, item_id string, event_type string, position int, propensity double, ds date"
)
DAY = date(2026, 1, 5)


def test_impressions_by_a_known_policy(frame: Frame) -> None:
    next_day, too_late = DAY + timedelta(days=1), DAY + timedelta(days=3)
    events = frame(EVENTS, [
        ("u", "a", "impression", 1, 0.5, next_day),
        ("u", "a", "impression", 1, 0.25, next_day),
        ("u", "a", "click", 1, 0.25, next_day),
        ("u", "a", "impression", 2, 1e-9, next_day),
        ("u", "a", "click", 3, 0.25, next_day), ("u", "a", "click", 3, 0.25, next_day),
        ("u", "a", "impression", 3, 0.25, next_day),
        ("u", "b", "impression", 1, None, next_day),  # not known how likely
        ("u", "b", "impression", None, 0.5, next_day),
        ("u", None, "impression", 1, 0.5, next_day),
        ("u", "c", "click", 1, 0.5, next_day),  # of no impression
        ("v", "a", "impression", 1, 0.5, DAY),
        ("v", "a", "impression", 1, 0.5, too_late),
    ])  # fmt: skip
    config = EvaluateConfig(horizon_days=2, min_propensity=0.01)
    rows = events.transform(logged(config, DAY)).orderBy("position").collect()
    assert [tuple(row) for row in rows] == [
        ("u", "a", 1, 2, pytest.approx(6.0), pytest.approx(4.0)),
        ("u", "a", 2, 1, pytest.approx(100.0), 0.0),
        ("u", "a", 3, 1, pytest.approx(4.0), pytest.approx(4.0)),  # of no more than was shown
    ]


def test_what_events_are_told_at_all(frame: Frame) -> None:
    next_day = DAY + timedelta(days=1)
    events = frame(EVENTS, [
        ("u", "a", "click", 1, None, next_day), ("u", "a", "click", None, 0.5, next_day),
        ("u", "b", "click", 1, 0.5, next_day), ("u", None, "click", 1, 0.5, next_day),
        ("u", None, "purchase", None, None, next_day), ("u", "a", "purchase", None, None, DAY),
        ("u", "a", "purchase", None, None, DAY + timedelta(days=3)),
    ])  # fmt: skip
    [row] = events.transform(happened(EvaluateConfig(horizon_days=2), DAY)).collect()
    assert tuple(row) == (next_day, 3, 0, 1)


def test_what_is_wanted_goes_by_the_types_of_events_and_not_by_their_weights(frame: Frame) -> None:
    next_day = DAY + timedelta(days=1)
    events = frame("user_id string, item_id string, event_type string, rating double, ds date", [
        ("u", "a", "purchase", None, next_day), ("u", "a", "purchase", None, next_day),
        ("u", None, "purchase", None, next_day), ("u", "b", "view", None, next_day),
        ("u", "c", "purchase", None, DAY), ("u", "d", "rating", 5.0, next_day),
        ("u", "e", "rating", 1.0, next_day), ("u", "f", "purchase", None, DAY + timedelta(days=3)),
    ])  # fmt: skip
    config = EvaluateConfig(horizon_days=2, event_types=("purchase", "rating"))
    feedback = FeedbackConfig(weights={"view": 1.0}, positive_rating=4.0)
    found = events.transform(relevant(config, feedback, DAY)).collect()
    assert sorted(map(tuple, found)) == [("u", "a"), ("u", "d")]
