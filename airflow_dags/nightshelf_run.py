"""How this deployment is set up, and what a run was asked for.

A deployment is told by environment variables, alike for the scheduler, the DAG processor and the
workers; docs/every_night.md lists them. Nothing of Spark, torch or nightshelf is imported in this
folder: a DAG file is parsed again and again, by a Python that has none of them.
"""

import os
from datetime import UTC, timedelta
from pathlib import Path
from typing import Final

from airflow.sdk import Context, ObjectStoragePath, Param

HOME: Final = Path(os.environ.get("NIGHTSHELF_HOME", Path(__file__).resolve().parents[1]))
CONF_FILE: Final = os.environ.get("NIGHTSHELF_CONF_FILE", "conf/local.yaml")
INPUT: Final = os.environ.get("NIGHTSHELF_INPUT")
TRAINS_NIGHTLY: Final = os.environ.get("NIGHTSHELF_TRAIN", "nightly") != "weekly"
SPARK_PROPERTIES: Final = os.environ.get("NIGHTSHELF_SPARK_PROPERTIES")
STATUS_ROOT: Final = os.environ.get("NIGHTSHELF_STATUS_ROOT")
RETRY_DELAY: Final = timedelta(seconds=float(os.environ.get("NIGHTSHELF_RETRY_SECONDS", "60")))
HOUR, MINUTE = map(int, os.environ.get("NIGHTSHELF_AT", "02:00").split(":"))

NIGHTLY: Final = "nightshelf_nightly"
SPARK_CONNECTION: Final = "nightshelf_spark"
ALERTS_CONNECTION: Final = "nightshelf_alerts"
TRAINING_POOL: Final = "nightshelf_training"


def parameters(*, k: bool = False) -> dict[str, Param]:
    """What a run can be told when it is triggered; `k`: also how long the lists are.

    What may stay empty may be null too: the page's form asks for all else to be filled in.
    """
    told = {
        "conf_file": Param(
            CONF_FILE, type="string", minLength=1, title="Configuration",
            description="YAML file over the defaults; relative to the checkout.",
        ),
        "set": Param(
            None, type=["null", "array"], items={"type": "string", "pattern": "^[A-Za-z0-9_.]+="},
            title="Overrides", description="KEY=VALUE, one a line, such as item_cf.k=100.",
        ),
    }  # fmt: skip
    if k:
        told["k"] = Param(
            None, type=["null", "integer"], minimum=1, maximum=1_000, title="Length of a list",
            description="recommend.k; empty: as configured.",
        )  # fmt: skip
    return told


def business_date(context: Context) -> str:
    """The run's `ds`, but at most the day before the run came to be.

    So is a scheduled run's. One that is triggered by hand stands under that moment, whose day is
    not over, or under no date at all.
    """
    over = (context["dag_run"].run_after.astimezone(UTC) - timedelta(days=1)).date().isoformat()
    return min(context.get("ds") or over, over)


def storage_path(uri: str) -> ObjectStoragePath:
    """A path on any storage that Airflow has a provider for; without a scheme, in the checkout."""
    return ObjectStoragePath(uri if "://" in uri else f"file://{HOME / uri}")


def first_line(error: BaseException) -> str:
    """What it says; its kind where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)
