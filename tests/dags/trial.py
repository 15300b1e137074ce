"""A DAG whose tasks end in every way that a job can."""

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param
from nightshelf_run import parameters
from nightshelf_sensors import InputSensor
from nightshelf_tasks import NightshelfJob, shared

WAYS = ("busy", "wrong", "refused", "missing", "broken", "killed", "idle", "published", "odd")

with DAG(
    "trial",
    schedule=None,
    params={
        **parameters(k=True),
        "input": Param(None, type=["null", "string"]),
        "train": Param(True, type="boolean"),
    },
    **shared(),
):
    for way in WAYS:
        NightshelfJob(job="ingest", task_id=way, name=way)
    NightshelfJob(job="train_ctr", task_id="unwanted", name="unwanted", wanted="train")
    NightshelfJob(job="ingest", task_id="lost", conn_id="no_such_connection")
    NightshelfJob(job="ingest", task_id="absent", spark_binary="no-such-spark-submit")
    NightshelfJob(
        job="recommend", task_id="lists", name="lists", outlets=[Asset("lists", uri="x-a://lists")]
    )
    InputSensor(task_id="there", mode="reschedule", poke_interval=1, timeout=timedelta(seconds=3))
