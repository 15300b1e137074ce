"""The DAGs as Airflow reads them: no import error, the exact graph, quick to parse."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nightshelf.jobs.nightly import NAMES
from tests.dags.conftest import ROOT

DAGS = ROOT / "airflow_dags"
ALLOWED = ("airflow.sdk", "airflow.providers.apache.spark", "airflow.providers.standard")
NIGHT = {
    "wait_for_input": [],
    "ingest": ["wait_for_input"],
    "score_reviews": ["ingest"],
    "reviews_over": ["score_reviews"],
    "build_item_text": ["ingest", "reviews_over"],
    "texts_over": ["build_item_text"],
    "build_item_cf": ["ingest", "texts_over"],
    "build_features": ["ingest", "texts_over"],
    "build_samples": ["build_item_cf"],
    "features_over": ["build_features", "build_samples"],
    "check_drift": ["features_over", "ingest"],
    "samples_over": ["build_samples"],
    "train_towers": ["build_samples", "check_drift"],
    "train_ctr": ["build_samples", "check_drift"],
    "models_over": ["build_features", "train_ctr", "train_towers"],
    "recommend": ["build_item_cf", "check_drift", "models_over"],
    "train_text": ["check_drift", "ingest", "samples_over"],
    "search_models_over": ["build_features", "train_text"],
    "build_search_index": ["ingest"],
    "rank_search": ["build_search_index", "check_drift", "search_models_over"],
    "analyse_behaviour": ["ingest"],
    "evaluate": ["ingest"],
    "report": ["analyse_behaviour", "evaluate", "rank_search", "recommend"],
}


@pytest.fixture(scope="module")
def told(airflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    environment = {
        **{name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    ended = subprocess.run(
        [airflow_python, ROOT / "tests" / "dags" / "told.py", DAGS],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def test_dag_files_import_airflow_and_the_standard_library_alone() -> None:
    own = {file.stem for file in DAGS.glob("nightshelf_*.py")}
    for file in sorted(DAGS.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                known = name.split(".")[0] in sys.stdlib_module_names | own
                assert known or name.startswith(ALLOWED), f"{file.name} imports {name}"


def test_every_dag_is_read_without_an_error_in_under_a_second(told: dict[str, Any]) -> None:
    assert told["errors"] == {}
    assert told["loaded"] == []
    assert set(told["dags"]) == {
        "nightshelf_nightly", "nightshelf_backfill", "nightshelf_retrain_weekly",
        "nightshelf_maintenance",
    }  # fmt: skip
    assert max(told["seconds"].values()) < 1, told["seconds"]


def test_the_night_goes_by_what_jobs_read(told: dict[str, Any]) -> None:
    night = told["dags"]["nightshelf_nightly"]
    tasks = night["tasks"]
    assert {name: task["after"] for name, task in tasks.items()} == NIGHT
    assert set(NAMES) - {"simulate_shop"} <= set(tasks)
    joins = {name for name in tasks if name.endswith("_over")}
    rules = {name: task["rule"] for name, task in tasks.items()}
    told_last = {"report": "all_done_setup_success"}
    usual = {name: "all_done" if name in joins else "all_success" for name in tasks}
    assert rules == usual | told_last
    assert {name for name, task in tasks.items() if task["pool"] == "nightshelf_training"} == {
        "train_towers", "train_ctr", "train_text",
    }  # fmt: skip
    assert {name: task["outlets"] for name, task in tasks.items() if task["outlets"]} == {
        "recommend": ["serving.recommendations"],
        "rank_search": ["serving.search_results"],
    }
    assert all(task["alerts"] for task in tasks.values())
    assert night["tells when given up"]
    scripts = {name: task["script"] for name, task in tasks.items() if task["script"]}
    assert scripts == {
        name: "nightly.py" if name == "evaluate" else f"{name}.py"
        for name in set(tasks) - joins - {"wait_for_input"}
    }
    assert (night["timetable"], night["cron"]) == ("CronDataIntervalTimetable", "0 2 * * *")
    assert (night["catchup"], night["max_active_runs"]) == (False, 1)
    assert night["params"] == ["conf_file", "input", "k", "set", "train"]


def test_the_other_dags(told: dict[str, Any]) -> None:
    dags = told["dags"]
    after = {
        name: {task: about["after"] for task, about in dag["tasks"].items()}
        for name, dag in dags.items()
    }
    assert after["nightshelf_backfill"] == {"backfill": []}
    # The simulated shop is made with all of its days at once: no past day asks for it.
    steps = [name for name in NAMES if name != "simulate_shop"]
    assert dags["nightshelf_backfill"]["choices"] == {"job": ["nightly", *steps]}
    assert after["nightshelf_maintenance"] == {"after_night": [], "maintain": ["after_night"]}
    assert after["nightshelf_retrain_weekly"] == {
        "after_night": [],
        "build_samples": ["after_night"],
        "train_towers": ["build_samples"],
        "train_ctr": ["build_samples"],
        "samples_over": ["build_samples"],
        "train_text": ["after_night", "samples_over"],
    }
    crons = {name: dag["cron"] for name, dag in dags.items()}
    assert crons["nightshelf_backfill"] is None
    assert crons["nightshelf_retrain_weekly"] == "0 2 * * 0"
    assert crons["nightshelf_maintenance"] == "0 2 * * 6"
    assert all(dag["max_active_runs"] == 1 and not dag["catchup"] for dag in dags.values())


def test_a_run_by_hand_has_to_be_told_the_days_of_a_backfill_alone(told: dict[str, Any]) -> None:
    """The page's form wants every param that is empty and may not be null."""
    asked = {name: dag["to fill in"] for name, dag in told["dags"].items() if dag["to fill in"]}
    assert asked == {"nightshelf_backfill": ["ds_from", "ds_to"]}
