"""Runs told to an MLflow server, for who compares them there."""

import os
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Final

from nightshelf.config import TrackingConfig
from nightshelf.errors import ConfigError
from nightshelf.runs.logs import logger

_SETTINGS: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",  # who names a folder wants one
    # A server that is down holds a night up for seconds; by default it would for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""Settings of MLflow where the environment says nothing else."""
_LOGIN: Final = re.compile(r"(?<=://)[^/\s]*@")


def check_tracking(config: TrackingConfig) -> None:
    """Raises ConfigError where runs shall be tracked and MLflow is not installed."""
    if config.uri is not None:
        _mlflow()


def track(
    config: TrackingConfig, name: str, params: Mapping[str, object], metrics: Mapping[str, float]
) -> None:
    """Records a finished run in `tracking.experiment`; does nothing where `tracking.uri` is null.

    A server that does not answer or refuses is a warning: tracking decides nothing. Raises
    ConfigError where MLflow is not installed.
    """
    if config.uri is None:
        return
    mlflow = _mlflow()
    try:
        client = mlflow.MlflowClient(tracking_uri=config.uri)
        known = client.get_experiment_by_name(config.experiment)
        experiment = known.experiment_id if known else client.create_experiment(config.experiment)
        run_id = client.create_run(experiment, run_name=name).info.run_id
        for key, param in params.items():
            client.log_param(run_id, key, param)
        for key, metric in metrics.items():
            client.log_metric(run_id, key, metric)
        client.set_terminated(run_id)
    except Exception as error:  # whatever it is, the night goes on
        # The login in a server's address is a secret, and MLflow's errors tell the address.
        uri, why = (_LOGIN.sub("", told) for told in (config.uri, f"{error}"))
        why = " ".join(f"{type(error).__name__}: {why}".split())
        logger().warning("not tracked", run=name, uri=uri, why=why[:300])


def _mlflow() -> ModuleType:
    for key, value in _SETTINGS.items():
        os.environ.setdefault(key, value)
    try:
        import mlflow  # an extra, and slow to import
    except ImportError:
        raise ConfigError(
            "tracking.uri is set, but mlflow is not installed; install nightshelf with the extra "
            "'tracking' (mlflow-skinny), or set tracking.uri to null"
        ) from None
    module: ModuleType = mlflow
    return module
