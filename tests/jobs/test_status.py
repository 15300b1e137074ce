"""What the status tells of a warehouse: published, run, failed."""

import json
from datetime import UTC, date, datetime

import pytest

from nightshelf.errors import DataQualityError
from nightshelf.jobs.status import check_age
from nightshelf.tables import OPS_JOB_RUNS
from tests.jobs.conftest import Invoke, Shop


def test_the_status_tells_what_is_published_what_ran_and_what_failed(
    invoke: Invoke, nights: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    conf = ("--conf-file", nights.conf)
    failed = invoke("ingest", *conf, "--ds", "2026-11-25")
    assert failed.code == 66
    ended = invoke("status", *conf, "--ds", "2026-11-25", "--json")
    assert ended.code == 0
    told = json.loads(ended.out)
    published = {row["table"]: row for row in told["published"]}
    lists = published["serving.recommendations"]
    assert (lists["ds"], lists["days_old"], lists["rows"], lists["job"]) == (
        "2026-11-24", 1, 12, "recommend",
    )  # fmt: skip
    jobs = {row["job"]: row for row in told["jobs"]}
    assert (jobs["nightly"]["ds"], jobs["nightly"]["status"]) == ("2026-11-24", "done")
    assert jobs["ingest"]["exit_code"] == 66
    [failure] = told["failures"]
    assert failure["job"] == "ingest"
    assert failure["message"] == failed.error
    assert failure["repaired"] is False

    nights.deliver("2026-11-25", "u1,i1,click,2026-11-25 10:00:00,9.5")
    assert invoke("ingest", *conf, "--ds", "2026-11-25").code == 0
    later = json.loads(invoke("status", *conf, "--json").out)
    assert later["ds"] == "2026-11-25"
    assert [row["repaired"] for row in later["failures"]] == [True]

    screen = invoke("status", *conf).out
    for shown in ("serving.recommendations", "The last run of each job", "Failed in the last"):
        assert shown in screen


def test_a_night_that_failed_to_judge_earlier_lists_says_so(invoke: Invoke, nights: Shop) -> None:
    now = datetime.now(UTC)
    for job, day in (("evaluate", 17), ("recommend", 17), ("evaluate", 24)):
        told = ("failed", 65, f"{job} of {day}", now, 1.0, 0, 0, "{}", "hash", "1")
        nights.store.append_row(("night", job, date(2026, 11, day), *told), OPS_JOB_RUNS)
    ended = invoke("status", "--conf-file", nights.conf, "--ds", "2026-11-24", "--json")
    failures = json.loads(ended.out)["failures"]
    assert {failure["message"] for failure in failures} == {"evaluate of 17", "evaluate of 24"}


def test_old_lists_are_an_error_where_a_limit_is_given(invoke: Invoke, nights: Shop) -> None:
    conf = ("--conf-file", nights.conf)
    assert invoke("status", *conf, "--ds", "2026-11-25", "--max-age", "1").code == 0
    old = invoke("status", *conf, "--ds", "2026-11-26", "--max-age", "1")
    assert old.code == 65
    assert old.error.startswith(
        "serving.recommendations is of 2026-11-24, 2 days before 2026-11-26"
    )
    assert invoke("status", *conf, "--max-age", "1").code == 64


def test_lists_of_a_day_to_come_are_an_error() -> None:
    """A night with a wrong day: readers would keep it until that day comes."""

    def told(recommendations: int, results: int) -> dict[str, object]:
        ages = {"serving.recommendations": recommendations, "serving.search_results": results}
        rows = [{"table": name, "ds": "a day", "days_old": age} for name, age in ages.items()]
        return {"ds": "2026-11-24", "root": "w", "published": rows}

    check_age(told(0, 1), 1)
    with pytest.raises(
        DataQualityError,
        match=r"^serving.search_results is of a day, after 2026-11-24: .* jobs/rollback.py --to-ds",
    ):
        check_age(told(0, -365), 1)
    with pytest.raises(DataQualityError, match=r"^serving.recommendations is of a day, after"):
        check_age(told(-1, 5), 1)
    with pytest.raises(DataQualityError, match=r"^serving.search_results is of a day, 5 days"):
        check_age(told(0, 5), 1)
    check_age(told(0, 5), 1, searches=False)


def test_a_warehouse_without_anything(invoke: Invoke, shop: Shop) -> None:
    ended = invoke("status", "--conf-file", shop.conf)
    assert ended.code == 66
    assert ended.error.startswith("ops.job_runs: no such table yet")
