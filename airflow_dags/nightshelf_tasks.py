"""Nightshelf's jobs as tasks, and what every DAG is made with."""

import contextlib
import json
import logging
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    BaseHook,
    BaseOperator,
    Context,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    TriggerRule,
)
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from nightshelf_alerts import tell_failure, tell_given_up
from nightshelf_run import (
    HOME,
    RETRY_DELAY,
    SPARK_CONNECTION,
    SPARK_PROPERTIES,
    STATUS_ROOT,
    business_date,
    first_line,
    storage_path,
)

EXIT_TRY_AGAIN: Final = 75
START: Final = datetime(2020, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)


class JobFailedError(AirflowException):
    """A job ended badly, or did not start; the message is the job's own line."""

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class TryAgainError(JobFailedError):
    """A job ended with 75: a lock was held, or storage did not answer."""


def shared(**more: Any) -> dict[str, Any]:
    """What every DAG is made with; days are UTC days, as in the jobs."""
    return {
        "start_date": START,
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["nightshelf"],
        "on_failure_callback": tell_given_up,
        "default_args": {"on_failure_callback": tell_failure, "owner": "nightshelf"},
    } | more


def whatever_comes_of(*tasks: BaseOperator, task_id: str) -> EmptyOperator:
    """Done when the tasks are, well or badly or skipped: for what goes after them or without them.

    A task has one trigger rule alone, so what it cannot do without stands upstream of it directly,
    and what it merely waits for does so by this.
    """
    over = EmptyOperator(task_id=task_id, trigger_rule=TriggerRule.ALL_DONE)
    list(tasks) >> over
    return over


class NightshelfJob(SparkSubmitOperator):
    """Runs jobs/<job>.py by spark-submit, for the run's business date unless `dated` is false.

    Tried again, with growing pauses, if it ends with 75 or Airflow's own process is killed;
    anything else fails at once, with the job's line as the reason. A job that says it has nothing
    to do is skipped. `arguments` (templated) go to the script; so do the run's params, each as one
    argument, by no shell. `wanted`: a boolean param without which the task is skipped.
    """

    ui_color = "#ffe8c7"

    def __init__(
        self,
        *,
        job: str,
        arguments: Sequence[str] = (),
        dated: bool = True,
        wanted: str | None = None,
        **kwargs: Any,
    ) -> None:
        told = {
            "task_id": job,
            "application": str(HOME / "jobs" / f"{job}.py"),
            "conn_id": SPARK_CONNECTION,
            "name": f"nightshelf {job}",
            "properties_file": SPARK_PROPERTIES,
            # A second driver meets the first one's lock (75) and then finds its work done; that
            # needs no resource manager's API, as finding the first one again would.
            "durable": False,
            "retries": 8,
            "retry_delay": RETRY_DELAY,
            "retry_exponential_backoff": 2,
            "max_retry_delay": timedelta(minutes=30),
            "retry_policy": ExceptionRetryPolicy(
                [RetryRule(TryAgainError, RetryAction.RETRY, reason="exit code 75")],
                default=RetryAction.FAIL,
            ),
            "execution_timeout": timedelta(hours=12),
        }
        super().__init__(**told | kwargs)
        self.job = job
        self.arguments = tuple(arguments)
        self.dated = dated
        self.wanted = wanted

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Adds the params as they are: what a user types there is never a template."""
        super().render_template_fields(context, jinja_env)
        params = context["params"]
        keys = list(params["set"] or ())
        if params.get("k") is not None:
            keys.append(f"recommend.k={params['k']}")
        self.application_args = [
            *self.render_template(list(self.arguments), context, jinja_env),
            *("--conf-file", params["conf_file"]),
            *(("--ds", business_date(context)) if self.dated else ()),
            *(word for key in keys for word in ("--set", key)),
        ]

    def execute(self, context: Context) -> None:
        """Runs the job, then acts on how it says that it ended.

        Only where it said nothing does spark-submit's end count: in cluster mode that may be a bad
        one after a job that did well, or a good one after a job that failed.
        """
        if self.wanted and not context["params"][self.wanted]:
            raise AirflowSkipException(f"the param {self.wanted} is false")
        with _status_uri(self.job) as uri, contextlib.chdir(HOME):
            self.application_args = [*self.application_args, "--status-file", uri]
            raised: Exception | None = None
            try:
                super().execute(context)
            except Exception as error:
                raised = error
            told = _read(uri)
        if told.get("exit_code", raised):  # 0 or None: it did well
            raise self._failure(told, raised)
        if raised:
            log.warning("%s did well, whatever spark-submit: %s", self.job, first_line(raised))
        if told.get("status") == "skipped":
            raise AirflowSkipException(told["message"])
        for asset in self.outlets:
            about = {name: told.get(name) for name in ("ds", "run_id")}
            context["outlet_events"][asset].extra = about

    def _get_hook(self) -> Any:
        # The provider takes a connection that is missing for YARN.
        BaseHook.get_connection(self._conn_id)
        return super()._get_hook()

    def _failure(self, told: Mapping[str, Any], error: Exception | None) -> JobFailedError:
        process = self._hook and self._hook._submit_sp
        code = told.get("exit_code", process.returncode if process else None)
        if code is None and error:
            return JobFailedError(f"{self.job} did not start: {first_line(error)}")
        why = told.get("message") or "it left no word; its log tells more"
        kind = TryAgainError if code == EXIT_TRY_AGAIN else JobFailedError
        return kind(f"{self.job} ended with exit code {code}: {why}", code)


@contextlib.contextmanager
def _status_uri(job: str) -> Iterator[str]:
    """Where one try of a job tells how it ended: a local file, or below NIGHTSHELF_STATUS_ROOT.

    Raises JobFailedError where Airflow could not read what the job writes there.
    """
    name = f"{job}-{uuid.uuid4().hex}.json"
    if STATUS_ROOT:
        uri = f"{STATUS_ROOT.rstrip('/')}/{name}"
        try:
            path = storage_path(uri)
            storage = path.fs
        except (ImportError, ValueError) as error:
            raise JobFailedError(
                f"NIGHTSHELF_STATUS_ROOT {STATUS_ROOT}: Airflow reads no such storage "
                f"({first_line(error)}); expected a mounted folder, or storage that a provider of "
                "Airflow knows, such as s3a://, gs:// or abfs://"
            ) from None
        yield uri
        with contextlib.suppress(Exception):  # how the job ended is all that counts
            storage.rm(path.path)
    else:
        with tempfile.TemporaryDirectory(prefix="nightshelf-") as folder:
            yield f"{folder}/{name}"


def _read(uri: str) -> dict[str, Any]:
    """What the job told there; nothing where it could not."""
    try:
        with storage_path(uri).open() as file:
            told = json.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read: %s", uri, first_line(error))
        return {}
    return told if isinstance(told, dict) else {}
