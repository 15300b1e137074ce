"""What the job told of its end decides, and spark-submit's end where it told nothing."""

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


def test_what_the_job_told_decides(airflow_python: Path, tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    endings = json.dumps([ending[:2] for ending in ENDINGS])
    script = ROOT / "tests" / "dags" / "ending.py"
    ended = subprocess.run(
        [airflow_python, script, ROOT / "airflow_dags", endings],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == [ending[2] for ending in ENDINGS]
