"""What a task does with each way that a job can end; the jobs are a script here."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import ROOT, VENV, Airflow, dags_and

pytestmark = pytest.mark.airflow
DS = "2026-01-05"
TOKEN = "canary-3f9c1e"
ODD = ["item_cf.k=1; touch {folder}/owned", "feedback.x={{{{ var.value.secret }}}}", "a.b=$(id)"]


class Webhook(ThreadingHTTPServer):
    """Keeps what is posted to it, with its token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Posted)
        self.posted: list[tuple[str | None, dict[str, Any]]] = []


class _Posted(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.headers["Authorization"], json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def trial(airflow: Airflow, webhook: Webhook, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """An Airflow whose `spark-submit` is a script."""
    folder = tmp_path_factory.mktemp("trial")
    binaries = folder / "venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to(sys.executable)
    submit = binaries / "spark-submit"
    script = ROOT / "tests" / "dags" / "spark_submit.py"
    submit.write_text(f'#!/bin/sh\nexec "{VENV}/bin/python" "{script}" "$@"\n')
    submit.chmod(0o755)
    alerts = {
        "conn_type": "http", "host": f"http://127.0.0.1:{webhook.server_port}/hook",
        "password": TOKEN,
    }  # fmt: skip
    environment = {
        "TRIAL": str(folder),
        "NIGHTSHELF_VENV": str(folder / "venv"),
        "NIGHTSHELF_DAGS": str(dags_and("trial.py", folder / "dags")),
        "AIRFLOW_CONN_NIGHTSHELF_ALERTS": json.dumps(alerts),
        "NIGHTSHELF_PSEUDONYM_KEY": TOKEN,
    }
    return replace(airflow, environment=environment)


def folder_of(trial: Airflow) -> Path:
    return Path(trial.environment["TRIAL"])


def plan(trial: Airflow, **endings: list[list[Any]]) -> None:
    """Says how each task's job will end, from its first try on."""
    for tries in folder_of(trial).glob("*.tries"):
        tries.unlink()
    (folder_of(trial) / "endings.json").write_text(json.dumps(endings))


def tries(trial: Airflow, task: str) -> list[list[str]]:
    """The arguments of each spark-submit of a task."""
    file = folder_of(trial) / f"{task}.tries"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture(scope="module")
def ended(trial: Airflow) -> str:
    """What the trial's one run said."""
    (folder_of(trial) / "delivered-2026-01-05-x.csv").touch()
    plan(
        trial,
        busy=[[75, "failed", "the lock is held"]] * 2 + [[0, "done", None]],
        wrong=[[64, "failed", "item_cf.kk: no such key"]],
        refused=[[65, "failed", "gold.x: 3 rows have no user_id"]],
        missing=[[66, "failed", "log/2026-01-05.csv: nothing there"]],
        broken=[[70, "failed", "ZeroDivisionError: division by zero"]],
        killed=[[None, None, None]],
        idle=[[0, "skipped", "the shop tells no reviews"]],
    )
    told = trial.night(
        "trial", DS, k=7, train=False, conf_file="conf/odd name.yaml",
        set=[key.format(folder=folder_of(trial)) for key in ODD],
        input=f"{folder_of(trial)}/delivered-{{ds}}-*.csv",
    )  # fmt: skip
    assert told.returncode != 0  # some tasks failed, as planned
    return told.stdout


def test_only_75_is_tried_again(ended: str, trial: Airflow) -> None:
    assert trial.states("trial", DS) == {
        "busy": ("success", 3),
        "wrong": ("failed", 1),
        "refused": ("failed", 1),
        "missing": ("failed", 1),
        "broken": ("failed", 1),
        "killed": ("failed", 1),
        "idle": ("skipped", 1),
        "published": ("success", 1),
        "odd": ("success", 1),
        "unwanted": ("skipped", 1),
        "lost": ("failed", 1),
        "absent": ("failed", 1),
        "lists": ("success", 1),
        "there": ("success", 1),
    }, ended
    counts = {name: len(tries(trial, name)) for name in ("busy", "refused", "unwanted", "lost")}
    assert counts == {"busy": 3, "refused": 1, "unwanted": 0, "lost": 0}


def test_the_jobs_own_line_is_the_reason(ended: str) -> None:
    assert "ingest ended with exit code 75: the lock is held" in ended
    assert "ingest ended with exit code 65: gold.x: 3 rows have no user_id" in ended
    assert "ingest ended with exit code -9: it left no word; its log tells more" in ended
    assert "ingest did not start: The conn_id `no_such_connection` isn't defined" in ended
    assert "ingest did not start: [Errno 2] No such file or directory: 'no-such-spark-su" in ended
    assert "the shop tells no reviews" in ended
    assert "refused: this is what a job logs" in ended


def test_each_failure_is_posted_once(ended: str, webhook: Webhook) -> None:
    assert {token for token, _ in webhook.posted} == {f"Bearer {TOKEN}"}
    told = {alert["task"]: alert for _, alert in webhook.posted}
    assert len(webhook.posted) == len(told) == 7
    assert {name: alert["exit_code"] for name, alert in told.items()} == {
        "wrong": 64, "refused": 65, "missing": 66, "broken": 70, "killed": -9, "lost": None,
        "absent": None,
    }  # fmt: skip
    refused = told["refused"]
    assert refused["message"] == "ingest ended with exit code 65: gold.x: 3 rows have no user_id"
    assert (refused["dag"], refused["ds"], refused["try"]) == ("trial", DS, 1)
    assert "/dags/trial/runs/" in refused["log"]


def test_params_are_single_arguments_that_no_shell_and_no_template_sees(
    ended: str, trial: Airflow
) -> None:
    told = tries(trial, "odd")[0]
    script = told.index(str(ROOT / "jobs" / "ingest.py"))
    owned = [key.format(folder=folder_of(trial)) for key in ODD]
    given = told[script + 1 :]
    assert given[: given.index("--status-file")] == [
        "--conf-file", "conf/odd name.yaml", "--ds", DS,
        *(word for key in owned for word in ("--set", key)),
        "--set", "recommend.k=7",
    ]  # fmt: skip
    assert not (folder_of(trial) / "owned").exists()


def test_readers_are_told_which_day_was_published(ended: str, trial: Airflow) -> None:
    events = trial.rows("SELECT extra FROM asset_event")
    assert [json.loads(event["extra"]) for event in events] == [{"ds": DS, "run_id": "r-1"}]


def test_a_late_delivery_is_waited_for_and_then_named(ended: str, trial: Airflow) -> None:
    told = trial.night("trial", "2026-01-06", input="data/{ds}/_SUCCESS")
    assert trial.states("trial", "2026-01-06")["there"] == ("failed", 1)
    assert "data/2026-01-06/_SUCCESS: nothing there after 0:00:03" in told.stdout


def test_storage_that_airflow_cannot_read_is_refused_before_the_job(
    ended: str, trial: Airflow
) -> None:
    where = {"NIGHTSHELF_STATUS_ROOT": "hdfs://namenode:8020/status"}
    plan(trial)
    told = replace(trial, environment=trial.environment | where).night("trial", "2026-01-07")
    assert (
        "NIGHTSHELF_STATUS_ROOT hdfs://namenode:8020/status: Airflow reads no such" in told.stdout
    )
    assert trial.states("trial", "2026-01-07")["published"] == ("failed", 1)
    assert tries(trial, "published") == []


def test_a_day_that_is_not_over_is_not_run(ended: str, trial: Airflow) -> None:
    plan(trial)
    trial.night("trial", "2999-12-31")
    told = tries(trial, "published")[0]
    assert told[told.index("--ds") + 1] < "2999"


def test_secrets_are_in_no_log_and_no_rendered_field(ended: str, trial: Airflow) -> None:
    assert TOKEN not in ended
    for folder, _, files in os.walk(trial.home):
        for name in files:
            assert TOKEN.encode() not in (Path(folder) / name).read_bytes(), name


@pytest.mark.parametrize(
    ("ds", "failing", "expected"),
    [
        (
            "2026-02-01",
            {
                "score_reviews": [[0, "skipped", "no reviews"]],
                "build_item_text": [[70, "failed", "a bug"]],
                "build_features": [[65, "failed", "held back"]],
                "train_ctr": [[0, "skipped", "too few"]],
                "train_text": [[65, "failed", "diverged"]],
            },
            {"build_samples": "success", "recommend": "success", "rank_search": "success"},
        ),
        (
            "2026-02-02",
            {"build_item_cf": [[66, "failed", "no events"]]},
            {
                "build_samples": "upstream_failed", "recommend": "upstream_failed",
                "build_features": "success", "train_text": "success", "rank_search": "success",
                "evaluate": "success",
            },
        ),
        (
            "2026-02-03",
            {"ingest": [[65, "failed", "too much refused"]]},
            dict.fromkeys(
                ("score_reviews", "build_item_cf", "recommend", "rank_search", "evaluate"),
                "upstream_failed",
            ),
        ),
        (
            "2026-02-04",
            {"build_samples": [[0, "skipped", "too few"]], "build_search_index": [[70, None, ""]]},
            {
                "train_ctr": "skipped", "recommend": "success", "train_text": "success",
                "rank_search": "upstream_failed", "evaluate": "success",
            },
        ),
    ],
    ids=["nothing is learnt", "no neighbours", "no events", "no samples, no index"],
)  # fmt: skip
def test_what_goes_on_without_what(
    trial: Airflow, ds: str, failing: dict[str, Any], expected: dict[str, str]
) -> None:
    plan(trial, **failing)
    trial.night("nightshelf_nightly", ds)
    states = {name: state for name, (state, _) in trial.states("nightshelf_nightly", ds).items()}
    assert {name: states[name] for name in expected} == expected
    assert "--from" not in tries(trial, "ingest")[0]
    if "nightly" in {file.stem for file in folder_of(trial).glob("*.tries")}:
        told = tries(trial, "nightly")[0]
        assert told[told.index("--from") :][:4] == ["--from", "evaluate", "--to", "evaluate"]


def test_a_range_of_days_goes_to_the_backfill_job(trial: Airflow) -> None:
    plan(trial)
    told = trial.night(
        "nightshelf_backfill", "2026-02-05", job="nightly", ds_from="2026-01-01",
        ds_to="2026-01-03", set=["a.b=1"],
    )  # fmt: skip
    assert told.returncode == 0, told.stdout
    given = tries(trial, "backfill")[0]
    script = given.index(str(ROOT / "jobs" / "backfill.py"))
    assert given[script + 1 : script + 12] == [
        "--job", "nightly", "--ds-from", "2026-01-01", "--ds-to", "2026-01-03", "--train",
        "--conf-file", "conf/local.yaml", "--set", "a.b=1",
    ]  # fmt: skip
    assert "--ds" not in given


def test_weekly_runs_by_hand_do_not_wait_for_a_night(trial: Airflow) -> None:
    plan(trial)
    for dag, last in (
        ("nightshelf_retrain_weekly", "train_text"),
        ("nightshelf_maintenance", "maintain"),
    ):
        told = trial.night(dag, "2026-02-06")
        assert told.returncode == 0, told.stdout
        assert tries(trial, last)[0].count("2026-02-06") == 1
