"""Run by Airflow's Python: prints what Airflow makes of the DAG files, as JSON."""

import json
import sys
import time
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    """Reads each file as the DAG processor does."""
    from airflow.dag_processing.dagbag import DagBag  # before the clock: it has it loaded

    sys.path.append(str(folder))
    told: dict[str, Any] = {"dags": {}, "errors": {}, "seconds": {}}
    for file in sorted(folder.glob("*.py")):
        if not file.name.startswith("nightshelf_"):
            began = time.monotonic()
            bag = DagBag(dag_folder=str(file), bundle_name="dags-folder", bundle_path=folder)
            told["seconds"][file.name] = time.monotonic() - began
            told["errors"] |= {str(path): why for path, why in bag.import_errors.items()}
            told["dags"] |= {name: about(dag) for name, dag in bag.dags.items()}
            for name in [name for name in sys.modules if name.startswith("nightshelf_")]:
                del sys.modules[name]  # the next file's time holds them too
    names = ("pyspark", "torch", "nightshelf", "pandas")
    told["loaded"] = [name for name in names if name in sys.modules]
    print(json.dumps(told))


def about(dag: Any) -> dict[str, Any]:
    """What a test wants to know of a DAG."""
    timetable = dag.timetable
    return {
        "catchup": dag.catchup,
        "tells when given up": dag.has_on_failure_callback,
        "max_active_runs": dag.max_active_runs,
        "timetable": type(timetable).__name__,
        "cron": getattr(timetable, "expression", None),
        "params": sorted(dag.params),
        "to fill in": sorted(
            name
            for name, param in dag.params.items()
            if param.resolve(suppress_exception=True) in (None, "", [])
            and "null" not in param.schema["type"]
        ),
        "choices": {
            name: param.schema["enum"]
            for name, param in dag.params.items()
            if "enum" in param.schema
        },
        "tasks": {
            task.task_id: {
                "after": sorted(task.upstream_task_ids),
                "rule": task.trigger_rule.value,
                "pool": task.pool,
                "retries": task.retries,
                "outlets": [asset.name for asset in task.outlets],
                "alerts": len(task.on_failure_callback or ()),
                "script": Path(getattr(task, "application", "") or "").name,
            }
            for task in dag.tasks
        },
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
