"""New models once a week, for shops whose nights do not train: NIGHTSHELF_TRAIN=weekly."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable
from nightshelf_run import HOUR, MINUTE, TRAINING_POOL, parameters
from nightshelf_sensors import AfterNight
from nightshelf_tasks import NightshelfJob, shared, whatever_comes_of

with DAG(
    "nightshelf_retrain_weekly",
    description="Trains the models on the newest night; the gates decide which are used",
    doc_md=(
        "Runs on Sundays, after the night has made its lists. The param `set` can ask for more "
        "than a night has time for, such as more days of samples or more epochs."
    ),
    schedule=CronTriggerTimetable(
        f"{MINUTE} {HOUR} * * 0", timezone="UTC", interval=timedelta(days=1)
    ),
    params=parameters(),
    **shared(),
):
    night = AfterNight(task_id="after_night", external_task_id="recommend")
    build_samples = NightshelfJob(job="build_samples")
    train_towers = NightshelfJob(job="train_towers", pool=TRAINING_POOL)
    train_ctr = NightshelfJob(job="train_ctr", pool=TRAINING_POOL)
    train_text = NightshelfJob(job="train_text", pool=TRAINING_POOL)

    night >> build_samples >> [train_towers, train_ctr]
    [night, whatever_comes_of(build_samples, task_id="samples_over")] >> train_text
