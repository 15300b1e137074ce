"""Run by Airflow's Python: prints, as JSON, how a task ends by what its job and spark-submit say.

Usage: ending.py FOLDER_OF_DAGS ENDINGS, these as JSON: [what the status file tells or null, what
the provider raises or null] each.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main(folder: str, endings: str) -> None:
    """Prints, for each ending, the error's type, message and code; null where the task did well."""
    sys.path.append(folder)
    from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
    from airflow.sdk.exceptions import AirflowException
    from nightshelf_tasks import NightshelfJob

    def ended(told: dict[str, Any] | None, raised: str | None) -> list[Any] | None:
        def execute(self: Any, _: Any) -> None:
            if told is not None:
                uri = self.application_args[self.application_args.index("--status-file") + 1]
                Path(uri).write_text(json.dumps(told))
            if raised is not None:
                raise AirflowException(raised)

        SparkSubmitOperator.execute = execute
        job = NightshelfJob(job="recommend")
        job.application_args = []
        try:
            job.execute({"params": {}, "outlet_events": {}})
        except Exception as error:
            return [type(error).__name__, str(error), getattr(error, "exit_code", None)]
        return None

    print(json.dumps([ended(*ending) for ending in json.loads(endings)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
