"""Run by Airflow's Python: prints, as JSON, which weekly runs wait for the night, and for what.

Usage: waiting.py FOLDER_OF_DAGS RUNS, these as JSON: [its type, hours since its moment] each.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace


def main(folder: str, runs: str) -> None:
    """Prints [whether each waits for a night that is not over, states that end it, hours]."""
    sys.path.append(folder)
    from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
    from nightshelf_sensors import AfterNight

    ExternalTaskSensor.poke = lambda *_: False
    night = AfterNight(task_id="night")
    lists = AfterNight(task_id="lists", external_task_id="recommend")

    def waits(run_type: str, hours: float) -> bool:
        moment = datetime.now(UTC) - timedelta(hours=hours)
        run = SimpleNamespace(run_type=run_type, run_after=moment)
        return not night.poke({"dag_run": run})

    ends = [{"allowed": s.allowed_states, "failed": s.failed_states} for s in (night, lists)]
    print(json.dumps([[waits(*run) for run in json.loads(runs)], ends, night.timeout / 3600]))


if __name__ == "__main__":
    main(*sys.argv[1:])
