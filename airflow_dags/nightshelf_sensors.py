"""What a run waits for."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSensorTimeout
from nightshelf_run import NIGHTLY, business_date, storage_path


class InputSensor(BaseSensorOperator):
    """Waits until something matches the URI that the param `input` gives; not at all if empty.

    Only the reading of the storage is tried again; a time-out is final.
    """

    def poke(self, context: Context) -> bool:
        """Whether it is there; `{ds}` stands for the business date, `*` for anything."""
        uri = _input(context)
        if not uri:
            return True
        self.log.info("Looking for %s", uri)
        path = storage_path(uri)
        return bool(path.fs.glob(path.path))

    def execute(self, context: Context) -> Any:
        """Says what was waited for when the time is up."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout:
            waited = timedelta(seconds=self.timeout)
            told = f"{_input(context)}: nothing there after {waited}; is the delivery late?"
            raise AirflowSensorTimeout(told) from None


class AfterNight(ExternalTaskSensor):
    """Waits for the nightly run of the same date to end, well or badly, or a task of it to do well.

    Both DAGs run at the same time of day, so that their dates are the same. A run by hand does not
    wait, nor one that is a day late, as the first is when its DAG is switched on: there may have
    been no such night.
    """

    def __init__(self, *, external_task_id: str | None = None, **kwargs: Any) -> None:
        ends = {"allowed_states": ["success"], "failed_states": ["failed", "upstream_failed"]}
        if external_task_id is None:
            ends = {"allowed_states": ["success", "failed"]}
        told = {
            "external_dag_id": NIGHTLY,
            "external_task_id": external_task_id,
            "mode": "reschedule",
            "poke_interval": timedelta(minutes=5),
            # A night may wait for its input and work on for long; then it is late, see `poke`.
            "timeout": timedelta(hours=26),
            "retries": 3,
        }
        super().__init__(**told | ends | kwargs)

    def poke(self, context: Context) -> bool:
        """Whether it is over."""
        run = context["dag_run"]
        is_late = datetime.now(UTC) - run.run_after > timedelta(days=1)
        return run.run_type == "manual" or is_late or super().poke(context)


def _input(context: Context) -> str:
    template: str = context["params"]["input"] or ""
    return template.replace("{ds}", business_date(context))
