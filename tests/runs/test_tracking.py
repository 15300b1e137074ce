"""Tracking: told to MLflow where asked, and never in the night's way."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from nightshelf.config import TrackingConfig
from nightshelf.errors import ConfigError
from nightshelf.runs.tracking import check_tracking, track

PARAMS, METRICS = {"ctr.model": "dcn_v2", "ctr.hidden": (256, 128)}, {"test_auc": 0.72}


class Server:
    """Stands for MLflow's module: keeps what it was told, and fails where asked."""

    def __init__(self, known: tuple[str, ...] = (), fails_at: str | None = None) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.known, self.fails_at, self.where = known, fails_at, ""
        self.MlflowClient = lambda tracking_uri: self._tell("client", tracking_uri) or self

    def _tell(self, *told: Any) -> None:
        if told[0] == self.fails_at:
            raise ConnectionError(f"no\nanswer{self.where}")
        self.told.append(told)

    def get_experiment_by_name(self, name: str) -> Any:
        return SimpleNamespace(experiment_id=f"known {name}") if name in self.known else None

    def create_experiment(self, name: str) -> str:
        self._tell("experiment", name)
        return f"new {name}"

    def create_run(self, experiment: str, run_name: str) -> Any:
        self._tell("run", experiment, run_name)
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def log_param(self, *told: Any) -> None:
        self._tell("param", *told)

    def log_metric(self, *told: Any) -> None:
        self._tell("metric", *told)

    def set_terminated(self, run_id: str) -> None:
        self._tell("end", run_id)


def test_nothing_is_imported_where_nothing_is_tracked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    check_tracking(TrackingConfig())
    track(TrackingConfig(), "m1", PARAMS, METRICS)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    for told in (check_tracking, lambda config: track(config, "m1", PARAMS, METRICS)):
        with pytest.raises(ConfigError, match=r"the extra 'tracking' \(mlflow-skinny\)"):
            told(TrackingConfig(uri="http://server"))


@pytest.mark.parametrize(("known", "experiment"), [((), "new shop"), (("shop",), "known shop")])
def test_a_run_is_told_whole(
    monkeypatch: pytest.MonkeyPatch, known: tuple[str, ...], experiment: str
) -> None:
    server = Server(known)
    monkeypatch.setitem(sys.modules, "mlflow", server)  # type: ignore[arg-type]
    track(TrackingConfig(uri="http://server", experiment="shop"), "m1", PARAMS, METRICS)
    assert [told for told in server.told if told[0] != "experiment"] == [
        ("client", "http://server"),
        ("run", experiment, "m1"),
        ("param", "r1", "ctr.model", "dcn_v2"),
        ("param", "r1", "ctr.hidden", (256, 128)),
        ("metric", "r1", "test_auc", 0.72),
        ("end", "r1"),
    ]


@pytest.mark.parametrize("fails_at", ["client", "run", "metric"])
def test_a_server_that_fails_is_a_warning(monkeypatch: pytest.MonkeyPatch, fails_at: str) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", Server(fails_at=fails_at))  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as lines:
        track(TrackingConfig(uri="http://server"), "m1", PARAMS, METRICS)
    assert [(line["log_level"], line["event"], line["why"]) for line in lines] == [
        ("warning", "not tracked", "ConnectionError: no answer")
    ]


def test_no_warning_tells_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    server, uri = Server(fails_at="run"), "https://ann:h@ush@server:5000/mlflow?a@b"
    server.where = f" at {uri}/api"
    monkeypatch.setitem(sys.modules, "mlflow", server)  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as lines:
        track(TrackingConfig(uri=uri), "m1", PARAMS, METRICS)
    assert [(line["uri"], line["why"]) for line in lines] == [
        (
            "https://server:5000/mlflow?a@b",
            "ConnectionError: no answer at https://server:5000/mlflow?a@b/api",
        )
    ]
    assert server.told[0] == ("client", uri)


def test_a_folder_holds_what_was_told(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the extra 'tracking' (mlflow-skinny)")
    config = TrackingConfig(uri=f"file:{tmp_path / 'runs'}", experiment="shop")
    with structlog.testing.capture_logs() as lines:
        track(config, "m1", PARAMS, METRICS)
        track(config, "m2", PARAMS, METRICS)
    assert lines == []
    client = mlflow.MlflowClient(tracking_uri=config.uri)
    experiment = client.get_experiment_by_name("shop").experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([experiment])}
    assert runs.keys() == {"m1", "m2"}
    assert runs["m1"].data.params == {"ctr.model": "dcn_v2", "ctr.hidden": "(256, 128)"}
    assert runs["m1"].data.metrics == METRICS
    assert runs["m1"].info.status == "FINISHED"
