"""DAGs run by Airflow's own Python, as `make airflow` does, in a home of their own."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".airflow" / "venv"
SCRIPT = ROOT / "scripts" / "airflow.sh"


@dataclass(frozen=True)
class Airflow:
    """An Airflow on SQLite: its folder, and what its processes find in their environment."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, timeout: float = 3600) -> subprocess.CompletedProcess[str]:
        """Runs `airflow ARGUMENT…`; its output, both streams, is in `stdout`."""
        return subprocess.run(
            [str(SCRIPT), *arguments], env=self.variables, text=True, timeout=timeout, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def night(self, dag: str, ds: str, **params: Any) -> subprocess.CompletedProcess[str]:
        """A run of the DAG in one process, task by task."""
        return self("dags", "test", dag, ds, "--conf", json.dumps(params))

    @property
    def variables(self) -> dict[str, str]:
        """The whole environment, with no other Airflow's settings."""
        clean = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
        own = {
            "NIGHTSHELF_AIRFLOW_HOME": str(self.home),
            "NIGHTSHELF_VENV": str(Path(sys.executable).parents[1]),
            "NIGHTSHELF_RETRY_SECONDS": "1",
            "PYTHONPATH": str(ROOT / "lib"),
        }
        return clean | own | self.environment

    def rows(self, query: str, *values: str) -> list[dict[str, Any]]:
        """What Airflow's database says."""
        with closing(sqlite3.connect(self.home / "airflow.db", timeout=30)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, values)]

    def states(self, dag: str, ds: str) -> dict[str, tuple[str, int]]:
        """Of each task of the DAG's run of ds: how it ended, and at which try."""
        found = self.rows(
            "SELECT task_id, t.state, try_number FROM task_instance t JOIN dag_run r "
            "ON r.dag_id = t.dag_id AND r.run_id = t.run_id "
            "WHERE r.dag_id = ? AND r.logical_date LIKE ?",
            dag, f"{ds}%",
        )  # fmt: skip
        return {row["task_id"]: (row["state"], row["try_number"]) for row in found}


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    """Airflow's Python; the test is skipped where it is not installed."""
    python = VENV / "bin" / "python"
    if not python.exists():
        pytest.skip("needs Airflow's environment: make test-airflow installs it")
    return python


@pytest.fixture(scope="module")
def airflow(airflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """An Airflow with nothing in it but the connection and the pool."""
    return Airflow(tmp_path_factory.mktemp("airflow"))


def dags_and(own: str, folder: Path) -> Path:
    """A folder of DAGs that holds the project's and one of the tests' own."""
    folder.mkdir()
    for file in (*(ROOT / "airflow_dags").glob("*.py"), ROOT / "tests" / "dags" / own):
        (folder / file.name).symlink_to(file)
    (folder / ".airflowignore").write_text("nightshelf_*.py\n")
    return folder
