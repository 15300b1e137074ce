"""Once a week: small files made large, old days, versions, quarantine and models taken away."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable
from nightshelf_run import HOUR, MINUTE, parameters
from nightshelf_sensors import AfterNight
from nightshelf_tasks import NightshelfJob, shared

with DAG(
    "nightshelf_maintenance",
    description="OPTIMIZE, VACUUM, and the expiry of old days, quarantine and models",
    doc_md=(
        "Runs on Saturdays, after the night. What is kept for how long stands in the "
        "configuration's section `maintenance`."
    ),
    schedule=CronTriggerTimetable(
        f"{MINUTE} {HOUR} * * 6", timezone="UTC", interval=timedelta(days=1)
    ),
    params=parameters(),
    **shared(),
):
    AfterNight(task_id="after_night") >> NightshelfJob(job="maintain")
