"""Parts of the DAGs by themselves, in Airflow's Python: how tasks end, and what runs wait for."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import ROOT

pytestmark = pytest.mark.airflow
NOT_PARSED = "Cannot execute: spark-submit. Error code is: 0. Kubernetes spark exit code is: None"


def told(status: str, exit_code: int, message: str | None = None) -> dict[str, Any]:
    return {"status": status, "exit_code": exit_code, "message": message}


ENDINGS: tuple[tuple[dict[str, Any] | None, str | None, list[Any] | None], ...] = (
    (told("done", 0), None, None),
    (told("done", 0), NOT_PARSED, None),
    (
        told("failed", 65, "held back"), None,
        ["JobFailedError", "recommend ended with exit code 65: held back", 65],
    ),
    (
        told("failed", 75, "the lock is held"), None,
        ["TryAgainError", "recommend ended with exit code 75: the lock is held", 75],
    ),
    (
        told("failed", 66, "no input"), NOT_PARSED,
        ["JobFailedError", "recommend ended with exit code 66: no input", 66],
    ),
    (
        told("skipped", 0, "nothing to do"), NOT_PARSED,
        ["AirflowSkipException", "nothing to do", None],
    ),
    (None, None, None),
    (None, NOT_PARSED, ["JobFailedError", f"recommend did not start: {NOT_PARSED}", None]),
)  # fmt: skip


def printed(python: Path, home: Path, script: str, *arguments: str, **more: str) -> Any:
    """What a script of this folder prints, as JSON."""
    environment = {
        **{name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        **more,
    }
    command = [python, ROOT / "tests" / "dags" / script, ROOT / "airflow_dags", *arguments]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_what_the_job_told_decides(airflow_python: Path, tmp_path: Path) -> None:
    """And spark-submit's end where it told nothing."""
    endings = json.dumps([ending[:2] for ending in ENDINGS])
    found = printed(airflow_python, tmp_path, "ending.py", endings)
    assert found == [ending[2] for ending in ENDINGS]


def test_what_jobs_told_is_not_left_behind(airflow_python: Path, tmp_path: Path) -> None:
    """Where they tell it to a folder of all workers."""
    root = tmp_path / "status"
    root.mkdir()
    endings = json.dumps([ending[:2] for ending in ENDINGS])
    more = {"NIGHTSHELF_STATUS_ROOT": str(root)}
    found = printed(airflow_python, tmp_path, "ending.py", endings, **more)
    assert found == [ending[2] for ending in ENDINGS]
    assert list(root.iterdir()) == []


def test_a_run_that_is_given_up_is_told_of(airflow_python: Path, tmp_path: Path) -> None:
    """Its tasks are skipped by then; where one failed, it has told of itself."""
    reasons = json.dumps(["timed_out", "task_failure"])
    gone, gone_unknown, *failed = printed(airflow_python, tmp_path, "given_up.py", reasons)
    assert failed == [[], []]
    [alert] = gone
    assert (alert["dag"], alert["ds"]) == ("nightshelf_nightly", "2026-11-24")
    assert alert["message"].startswith("not over after 2 days, 0:00:00: Airflow gave the run up")
    assert [{**alert, "ds": None}] == gone_unknown


def test_weekly_runs_wait_for_the_night_of_their_date(airflow_python: Path, tmp_path: Path) -> None:
    """But for runs by hand, and those a day late: there may have been no such night."""
    runs = [("scheduled", 0.0), ("scheduled", 23.9), ("scheduled", 24.1), ("manual", 0.0)]
    waits, ends, hours = printed(airflow_python, tmp_path, "waiting.py", json.dumps(runs))
    assert waits == [True, True, False, False]
    assert ends == [
        {"allowed": ["success", "failed"], "failed": []},
        {"allowed": ["success"], "failed": ["failed", "upstream_failed"]},
    ]
    assert hours > 24  # a wait ends by being late, not by failing
