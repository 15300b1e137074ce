"""What happens when a task has failed for good."""

import json
import logging
import urllib.request
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseHook, Context
from airflow.sdk.exceptions import AirflowNotFoundException
from nightshelf_run import ALERTS_CONNECTION, business_date, first_line

log = logging.getLogger(__name__)


def tell_failure(context: Context) -> None:
    """Logs a failure as one line of JSON, and posts it where there is somewhere to post it.

    That is an Airflow connection `nightshelf_alerts`: `host` a webhook's whole URL, `password`
    (may be empty) a bearer token. Whatever goes wrong here changes nothing of the run.
    """
    task, error = context["ti"], context.get("exception")
    told = {
        "dag": task.dag_id,
        "task": task.task_id,
        "ds": business_date(context),
        "run": context["run_id"],
        "try": task.try_number,
        "exit_code": getattr(error, "exit_code", None),
        "message": first_line(error) if error else "the task was killed or lost",
        "log": task.log_url,
    }
    _tell(told)


def tell_given_up(context: Context) -> None:
    """Tells, in the same way, of a run that was not over in its time.

    Airflow sets the tasks of such a run to skipped, so that none of them tells of itself.
    """
    if context.get("reason") != "timed_out":
        return
    dag = context["dag"]
    told = {
        "dag": dag.dag_id,
        "task": None,
        "ds": business_date(context) if "dag_run" in context else None,
        "run": context["run_id"],
        "try": None,
        "exit_code": None,
        "message": f"not over after {dag.dagrun_timeout}: Airflow gave the run up; what it waited "
        "for stands in the log of the task that ran or queued last",
        "log": None,
    }
    _tell(told)


def _tell(told: Mapping[str, Any]) -> None:
    log.error("failed %s", json.dumps(told, sort_keys=True))
    try:
        post(told)
    except AirflowNotFoundException:
        log.info("No alert posted: there is no connection %s", ALERTS_CONNECTION)
    except Exception as problem:
        # Its text may hold the webhook's URL, which is a secret.
        log.warning("No alert posted: %s", type(problem).__name__)


def post(told: Mapping[str, Any]) -> None:
    """Posts JSON to the webhook of the connection `nightshelf_alerts`."""
    webhook = BaseHook.get_connection(ALERTS_CONNECTION)
    headers = {"Content-Type": "application/json"}
    if webhook.password:
        headers["Authorization"] = f"Bearer {webhook.password}"
    body = json.dumps(told).encode()
    request = urllib.request.Request(webhook.host or "", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        log.info("Alert posted: status %s", answer.status)
