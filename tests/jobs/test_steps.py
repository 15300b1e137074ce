"""How a night goes from step to step, and what its record says."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nightshelf.errors import DataQualityError
from nightshelf.jobs import build_features, build_samples, check_drift, nightly
from nightshelf.literals import frame_of
from nightshelf.runs import Job
from nightshelf.runs.record import Outcome
from nightshelf.tables import OPS_JOB_RUNS, USER_FEATURES
from tests.jobs.conftest import Invoke, Shop

DS = ("--ds", "2026-11-24")


@pytest.mark.parametrize("failing", [build_features.JOB, build_samples.JOB])
def test_nothing_is_trained_by_samples_that_were_not_made(
    failing: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def step(job: Job, _: object, *, is_alone: bool) -> Outcome:
        ran.append(job.name)
        return Outcome("skipped" if job is failing else "done")

    monkeypatch.setattr(nightly, "_step", step)
    run: Any = SimpleNamespace(config=SimpleNamespace(simulate=SimpleNamespace(enabled=False)))
    nightly._steps(run, nightly.STEPS)
    assert failing.name in ran
    assert {"check_drift", "recommend", "report"} <= set(ran)
    assert not {"train_towers", "train_ctr"} & set(ran)


def test_without_training_models_go_on() -> None:
    left_out = set(nightly.STEPS) - set(nightly.steps_of(nightly.STEPS, train=False))
    assert {job.name for job in left_out} == {
        "build_samples", "train_towers", "train_ctr", "train_text",
    }  # fmt: skip
    assert nightly.steps_of(nightly.STEPS, train=True) == nightly.STEPS


@pytest.mark.parametrize(
    ("expired", "since", "taken"),
    [
        ((), None, 2), ((1, 2), None, 9), ((1, 2, 9), None, 12), ((1, 2, 9, 12), None, None),
        ((), 3, 9), ((), 12, 12), ((12,), 12, None), ((), 13, None), ((), 30, 2),
    ],
)  # fmt: skip
def test_the_day_that_features_are_compared_with(
    expired: tuple[int, ...], since: int | None, taken: int | None
) -> None:
    """Of the 30th, with one 25 days before it: the newest so old, else the oldest since.

    None that has expired, nor from before a change that is to stay.
    """
    days = {date(2026, 11, day): 5 for day in (1, 2, 9, 12)}
    store = SimpleNamespace(
        commits=lambda _: SimpleNamespace(rows_by_day=lambda: days),
        has=lambda _, day: day.day not in expired,
    )
    changed = date(2026, 11, since) if since else None
    drift = SimpleNamespace(reference_days=25, since=changed)
    run: Any = SimpleNamespace(
        store=store, ds=date(2026, 11, 30), config=SimpleNamespace(drift=drift)
    )
    found = check_drift._reference(run, USER_FEATURES)
    assert found == (date(2026, 11, taken) if taken else None)


def test_a_step_run_by_itself_is_no_night(invoke: Invoke, shop: Shop, tmp_path: Path) -> None:
    step = ("--from", "score_reviews", "--to", "score_reviews")
    told = ("--status-file", str(tmp_path / "status.json"))
    assert invoke("nightly", "--conf-file", shop.conf, *DS, *step, *told).code == 0
    assert json.loads((tmp_path / "status.json").read_text())["status"] == "skipped"
    assert [r["job"] for r in shop.store.read(OPS_JOB_RUNS).collect()] == ["score_reviews"]


def test_a_report_that_breaks_does_not_hide_the_gate(
    invoke: Invoke, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*_: object) -> None:
        raise DataQualityError("held by a gate")

    def broken(*_: object, **__: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(nightly, "_steps", held)
    monkeypatch.setattr(nightly, "_step", broken)
    ended = invoke("nightly", "--conf-file", shop.conf, *DS)
    assert (ended.code, ended.error) == (65, "held by a gate")
    assert any(line["event"] == "no report" for line in ended.lines)


def test_a_status_file_that_cannot_be_written_changes_no_exit_code(
    invoke: Invoke, shop: Shop, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "status.json")
    ended = invoke("ingest", "--conf-file", "absent.yaml", *DS, "--status-file", nowhere)
    assert ended.code == 66
    assert any(line["event"] == "the status file could not be written" for line in ended.lines)


def test_only_what_was_done_mends_a_failure(invoke: Invoke, shop: Shop) -> None:
    def row(job: str, hour: int, status: str) -> tuple[object, ...]:
        at = datetime(2026, 11, 24, hour, tzinfo=UTC)
        code = 65 if status == "failed" else 0
        told = (status, code, None, at, 1.0, 0, 0, "{}", "c0ffee", "0.1")
        return (f"{job}-{hour}", job, date(2026, 11, 24), *told)

    rows = [
        row("recommend", 1, "failed"), row("recommend", 2, "dry-run"),
        row("ingest", 1, "failed"), row("ingest", 2, "done"),
        row("train_ctr", 1, "failed"), row("train_ctr", 2, "skipped"),
    ]  # fmt: skip
    shop.store.append(frame_of(shop.spark, rows, OPS_JOB_RUNS.schema), OPS_JOB_RUNS)
    told = json.loads(invoke("status", "--conf-file", shop.conf, *DS, "--json").out)
    mended = {row["job"]: row["repaired"] for row in told["failures"]}
    assert mended == {"recommend": False, "ingest": True, "train_ctr": False}
