"""What events after a day tell about the lists of that day."""

from datetime import date, timedelta

import pytest

from nightshelf.config import EvaluateConfig
from nightshelf.evaluation.relevant import logged
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
    ]
