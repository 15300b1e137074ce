"""What holds a day's lists back: each figure by hand, each limit on both of its sides."""

import pytest
from pyspark.sql import DataFrame

from nightshelf.config import AuditsConfig
from nightshelf.ranking.audits import broken, change_figures, list_figures, rows_share
from tests.conftest import Frame

LISTS = "user_id string, rank int, item_id string, score double, source string, model_id string"
FREE = AuditsConfig(
    min_rows_share=None,
    max_rows_share=None,
    min_users_covered=None,
    max_fallback=None,
    min_catalogue_coverage=None,
    min_overlap=None,
    max_score_psi=None,
)


@pytest.fixture
def lists(frame: Frame) -> DataFrame:
    return frame(
        LISTS,
        [
            ("u1", 1, "a", 0.9, "item_cf", "cf-1"),
            ("u1", 2, "b", 0.5, "trending", "cf-1"),
            ("u2", 1, "a", 0.8, "popular", "cf-1"),
            ("u2", 2, "c", 0.1, "catalogue", "cf-1"),
        ],
    )


def test_figures_of_a_day(frame: Frame, lists: DataFrame) -> None:
    users = frame("user_id string", [("u1",), ("u2",), ("u3",), ("u4",)])
    sold = frame("item_id string", [(name,) for name in "abcdef"])
    assert list_figures(lists, users, sold) == {
        "users_covered": 0.5, "fallback": 0.75, "catalogue_coverage": 0.5,
    }  # fmt: skip


def test_figures_beside_the_day_before(frame: Frame, lists: DataFrame) -> None:
    before = frame(
        LISTS,
        [
            ("u1", 1, "b", 0.9, "item_cf", "cf-1"),
            ("u1", 2, "x", 0.5, "item_cf", "cf-1"),
            ("u2", 1, "c", 0.8, "item_cf", "cf-1"),
            ("u2", 2, "a", 0.1, "item_cf", "cf-1"),
            ("u9", 1, "a", 0.1, "item_cf", "cf-1"),
        ],
    )
    found = change_figures(lists, before, users=100)
    assert found["overlap"] == pytest.approx((0.5 + 1.0) / 2)
    assert change_figures(lists, before.where("user_id = 'u9'"), users=100) == {}


def test_scores_are_compared_where_there_are_enough_of_one_kind(frame: Frame) -> None:
    def day(rows: int, shift: float, model: str) -> DataFrame:
        told = [(f"u{n}", 1, "a", n / rows + shift, "item_cf", model) for n in range(rows)]
        return frame(LISTS, told)

    def moved(before: DataFrame, now: DataFrame) -> float | None:
        return change_figures(now, before, users=100).get("score_psi")

    calm = day(1_000, 0.0, "m1")
    assert moved(calm, day(1_000, 0.0, "m2")) == pytest.approx(0, abs=0.01)
    assert (moved(calm, day(1_000, 0.5, "m2")) or 0) > 1
    # The scores of a model are not those of candidates, and few scores differ by chance.
    assert moved(calm, day(1_000, 0.0, "cf-1")) is None
    assert moved(day(999, 0.0, "m1"), calm) is None


def test_few_days_have_no_usual_number_of_rows() -> None:
    assert rows_share(50, [100, 90]) == {}
    assert rows_share(50, [100, 90, 110, 1_000]) == {"rows_share": 50 / 105}


@pytest.mark.parametrize(
    ("figure", "key", "limit", "good", "bad"),
    [
        ("rows_share", "min_rows_share", 0.5, 0.5, 0.49),
        ("rows_share", "max_rows_share", 2.0, 2.0, 2.1),
        ("users_covered", "min_users_covered", 0.9, 0.9, 0.8),
        ("fallback", "max_fallback", 0.5, 0.5, 0.6),
        ("catalogue_coverage", "min_catalogue_coverage", 0.1, 0.1, 0.05),
        ("overlap", "min_overlap", 0.1, 0.1, 0.05),
        ("score_psi", "max_score_psi", 1.0, 1.0, 1.5),
    ],
)
def test_each_limit(figure: str, key: str, limit: float, good: float, bad: float) -> None:
    limits = FREE.model_copy(update={key: limit})
    assert broken({figure: good}, limits) == []
    [told] = broken({figure: bad}, limits)
    assert f"{bad:.3f}" in told
    assert f"{limit:g} (audits.{key})" in told
    assert broken({figure: bad}, FREE) == []
    assert broken({}, limits) == []
