"""Run by Airflow's Python: prints, as JSON, what is told of a run that ended in each of the ways.

Usage: given_up.py FOLDER_OF_DAGS REASONS, these as JSON. The context is as the DAG processor makes
it of a run, of whose tasks it may know none.
"""

import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any


def main(folder: str, reasons: str) -> None:
    """Prints a list of what is posted for each reason, once with the run and once without."""
    sys.path.append(folder)
    import nightly
    import nightshelf_alerts

    dag = nightly.ingest.dag
    posted: list[Any] = []
    nightshelf_alerts.post = posted.append
    run = {"dag_run": SimpleNamespace(run_after=datetime(2026, 11, 25, 2, tzinfo=UTC))}
    told = []
    for reason in json.loads(reasons):
        for known in (run, {}):
            posted.clear()
            about = {"dag": dag, "run_id": "scheduled", "reason": reason, **known}
            dag.on_failure_callback(about)
            told.append(list(posted))
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
