"""A DAG of one job, run by hand alone: switching it on starts nothing."""

from airflow.sdk import DAG
from nightshelf_run import parameters
from nightshelf_tasks import NightshelfJob, shared

with DAG("one_job", schedule=None, params=parameters(), **shared()):
    NightshelfJob(job="build_item_cf")
