"""Lists that were far worse than those of the days before."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from pyspark.sql import Row

from nightshelf.errors import DataQualityError
from nightshelf.jobs.evaluate import check_fall

DS = date(2026, 11, 24)


def judged(high: float | None, before: Sequence[float | None]) -> list[Row]:
    """[ds, metric, value, high] of DS, 0.01 below `high`, and of the days before it."""
    told = Row("ds", "metric", "value", "high")
    rows = [
        told(DS - timedelta(days=n), "ndcg@10", value, None) for n, value in enumerate(before, 1)
    ]
    return [*rows, told(DS, "ndcg@10", None if high is None else high - 0.01, high)]


def test_a_fall_is_told_with_what_to_do() -> None:
    with pytest.raises(DataQualityError, match=r"of the lists of 2026-11-24 is 0\.030, at most"):
        check_fall(judged(0.04, [0.1, 0.12, 0.11]), DS, 0.5)


@pytest.mark.parametrize(
    ("high", "before"),
    [
        (0.055, [0.1, 0.12, 0.11]),  # the interval reaches up to half of it
        (0.04, [0.1, 0.12]),  # too few days
        (0.04, [0.1, None, 0.12]),
        (None, [0.1, 0.12, 0.11]),  # too few users for an interval
        (0.04, [0.04, 0.03, 0.11]),  # it has been so low for some days
    ],
)
def test_chance_is_no_fall(high: float | None, before: list[float | None]) -> None:
    check_fall(judged(high, before), DS, 0.5)


def test_a_day_without_judged_lists_has_not_fallen() -> None:
    check_fall(judged(0.04, [0.1, 0.12, 0.11])[:-1], DS, 0.5)
