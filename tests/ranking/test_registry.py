"""Which model ranks on a day, and what the gate lets through."""

from datetime import date, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame

from nightshelf.errors import DataQualityError
from nightshelf.ranking.registry import Kind, gate, in_use, located, nearest, towers_gate
from tests.conftest import Frame

LOG = "model_id string, kind string, ds date, status string, told_at timestamp"
GOOD = {"auc": 0.72, "log_loss": 0.2, "ece": 0.004, "rate": 0.06, "rows": 1000.0, "positives": 60.0}


def log(frame: Frame, *rows: tuple[str, int, str, int]) -> DataFrame:
    """(model, day of ds, status, hour told) of November; models named t… are two towers."""
    told = [
        (
            model,
            "two_tower" if model.startswith("t") else "dcn_v2",
            date(2026, 11, day),
            status,
            datetime(2026, 11, 25, hour),
        )
        for model, day, status, hour in rows
    ]
    return frame(LOG, told)


def used(models: DataFrame, day: int, kind: Kind = "ranker") -> str | None:
    row = in_use(models, date(2026, 11, day), kind)
    return row and row["model_id"]


def test_each_day_has_the_newest_promoted_model_of_its_past(frame: Frame) -> None:
    models = log(frame, ("a", 5, "promoted", 5), ("b", 6, "refused", 6), ("c", 8, "promoted", 8))
    assert [used(models, day) for day in (4, 5, 6, 7, 8, 30)] == [None, "a", "a", "a", "c", "c"]
    assert used(models.where("false"), 5) is None


def test_an_old_night_run_again_changes_only_the_days_up_to_the_next_decision(frame: Frame) -> None:
    models = log(frame, ("a", 5, "promoted", 5), ("c", 8, "promoted", 8), ("d", 5, "promoted", 20))
    assert [used(models, day) for day in (5, 7, 8, 9)] == ["d", "d", "c", "c"]


def test_a_restored_model_ranks_from_its_day_on_until_the_next(frame: Frame) -> None:
    models = log(
        frame,
        ("a", 5, "promoted", 5), ("b", 6, "promoted", 6), ("a", 7, "restored", 9),
        ("b", 7, "promoted", 8), ("c", 9, "refused", 10), ("d", 10, "promoted", 11),
    )  # fmt: skip
    assert [used(models, day) for day in (5, 6, 7, 8, 9, 10)] == ["a", "b", "a", "a", "a", "d"]


def test_equal_times_are_told_apart_by_id(frame: Frame) -> None:
    rows = [("a", 5, "promoted", 5), ("b", 5, "promoted", 5)]
    assert used(log(frame, *rows), 5) == used(log(frame, *reversed(rows)), 5) == "b"


def test_towers_and_rankers_do_not_stand_in_for_each_other(frame: Frame) -> None:
    models = log(
        frame,
        ("a", 5, "promoted", 5), ("t1", 6, "promoted", 6), ("b", 7, "promoted", 7),
        ("t2", 7, "refused", 8), ("t0", 8, "restored", 9),
    )  # fmt: skip
    assert [used(models, day) for day in (5, 6, 7, 8)] == ["a", "a", "b", "b"]
    assert [used(models, day, "two_tower") for day in (5, 6, 7, 8)] == [None, "t1", "t1", "t0"]


@pytest.mark.parametrize(
    ("found", "popular", "positives", "decision"),
    [
        (
            0.31, 0.3, 9.0,
            ("promoted", "test recall@50 0.3100 against 0.3000 of the most wanted items"),
        ),
        (
            0.3, 0.3, 9.0,
            ("refused", "test recall@50 0.3000 against 0.3000 of the most wanted items: no better"),
        ),
        (0.0, 0.0, 0.0, ("refused", "no positive among the test rows to be found")),
    ],
)  # fmt: skip
def test_towers_have_to_find_more_than_popularity(
    found: float, popular: float, positives: float, decision: tuple[str, str]
) -> None:
    test = {"recall": found, "popular_recall": popular, "positives": positives}
    told = towers_gate(test, 50)
    assert (told.status, told.why) == decision


def test_near_ids() -> None:
    known = ["2026-11-24-ab12", "2026-11-23-cd34", "other"]
    assert nearest("2026-11-24-ab1", known) == ["2026-11-24-ab12", "2026-11-23-cd34"]
    assert nearest("zzz", known, 2) == known[:2]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("models/m1", "hdfs://shop/wh/models/m1"),
        ("hdfs://shop/wh/models/m1", "hdfs://shop/wh/models/m1"),
        ("/wh/models/m1", "/wh/models/m1"),
    ],
)
def test_a_model_lies_in_the_warehouse(path: str, folder: str) -> None:
    assert located(path, "hdfs://shop/wh") == folder


@pytest.mark.parametrize(
    "path",
    [
        "s3a://shop/wh/m1",
        "hdfs://other/wh/m1",
        "/x/m1",
        "/wh",
        "/whole/m1",
        "models/../../m1",
        "..",
    ],
)
def test_a_model_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(DataQualityError, match="is not below hdfs://shop/wh"):
        located(path, "hdfs://shop/wh")


def told(candidate: dict[str, Any], current: dict[str, float] | None = None) -> tuple[bool, str]:
    found = gate(GOOD | candidate, current, 0.002)
    assert (found.status == "promoted") == found.promote
    return found.promote, found.why


def test_a_first_model_that_is_sound_is_promoted() -> None:
    assert told({}) == (
        True,
        "no model to compare with; test AUC 0.7200, log loss 0.2000, calibration error 0.0040",
    )


def test_one_that_is_no_worse_is_promoted() -> None:
    promote, why = told({"auc": 0.7181}, GOOD)
    assert promote
    assert why == (
        "test AUC 0.7181 against 0.7200 of the model in use (tolerance 0.002); "
        "log loss 0.2000, calibration error 0.0040"
    )
    assert told({"log_loss": 0.2039}, GOOD)[0]
    assert told({}, {})[0]


@pytest.mark.parametrize(
    ("candidate", "current", "why"),
    [
        ({"log_loss": float("nan")}, None, "test log_loss: not a finite number"),
        ({"auc": float("nan"), "gauc": float("inf")}, GOOD, "test auc, gauc: not a finite number"),
        ({"auc": 0.5}, None, "test AUC 0.5000: no better than chance, which is 0.5"),
        ({"ece": 0.0501}, GOOD, "test calibration error 0.0501 is above 0.0500"),
        ({"ece": 0.03, "rate": 0.02}, None, "test calibration error 0.0300 is above 0.0200"),
        (
            {"auc": 0.7179},
            GOOD,
            "test AUC 0.7179 is more than 0.002 behind 0.7200 of the model in use",
        ),
        (
            {"log_loss": 0.2041},
            GOOD,
            "test log loss 0.2041 is more than 2% above 0.2000 of the model in use",
        ),
    ],
)
def test_what_the_gate_refuses(candidate: Any, current: Any, why: str) -> None:
    assert told(candidate, current) == (False, why)


def test_one_class_of_test_rows_decides_for_nobody() -> None:
    found = gate({"rows": 10.0, "positives": 0.0, "log_loss": 0.1, "ece": 0.0}, None, 0.002)
    assert not found.promote
    assert found.why == "no test auc: the test rows need both positives and negatives"
