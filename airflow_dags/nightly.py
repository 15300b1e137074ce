"""The night: every job that has to run for a day, each as soon as what it reads is there."""

from datetime import timedelta

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param
from nightshelf_run import (
    HOUR,
    INPUT,
    MINUTE,
    NIGHTLY,
    TRAINING_POOL,
    TRAINS_NIGHTLY,
    parameters,
)
from nightshelf_sensors import InputSensor
from nightshelf_tasks import NightshelfJob, shared, whatever_comes_of

RECOMMENDATIONS = Asset("serving.recommendations", uri="x-nightshelf://serving/recommendations")
SEARCH_RESULTS = Asset("serving.search_results", uri="x-nightshelf://serving/search_results")

with DAG(
    NIGHTLY,
    description="Lists for every shopper and every query, from the day that has just ended",
    doc_md=(
        "`ds` is the business date: the last day whose events are used. Without what is learnt "
        "from features, samples, texts and reviews there still are lists; a step of search that "
        "fails leaves readers the results that they have."
    ),
    schedule=CronDataIntervalTimetable(f"{MINUTE} {HOUR} * * *", timezone="UTC"),
    params={
        **parameters(k=True),
        "input": Param(
            INPUT, type=["null", "string"], title="Wait for",
            description="URI of the day's input, such as s3://bucket/events/{ds}/_SUCCESS or "
            "data/events/{ds}*.csv; empty: no wait.",
        ),
        "train": Param(
            TRAINS_NIGHTLY, type="boolean", title="Train",
            description="No: the models in use go on; retrain_weekly makes new ones.",
        ),
    },
    # One that hangs, as where the pool is missing, does not hold up the next ones for ever.
    **shared(dagrun_timeout=timedelta(hours=48)),
):  # fmt: skip
    learning = {"pool": TRAINING_POOL, "wanted": "train"}

    wait = InputSensor(
        task_id="wait_for_input",
        mode="reschedule",
        poke_interval=timedelta(minutes=2),
        timeout=timedelta(hours=6),
        retries=3,
    )
    ingest = NightshelfJob(job="ingest")
    score_reviews = NightshelfJob(job="score_reviews")
    build_item_text = NightshelfJob(job="build_item_text")
    build_item_cf = NightshelfJob(job="build_item_cf")
    build_features = NightshelfJob(job="build_features")
    build_samples = NightshelfJob(job="build_samples", wanted="train")
    # Holds the night where its inputs have moved too far.
    check_drift = NightshelfJob(job="check_drift")
    train_towers = NightshelfJob(job="train_towers", **learning)
    train_ctr = NightshelfJob(job="train_ctr", **learning)
    # With all that comes before them, the lists go before search where tasks have to queue.
    recommend = NightshelfJob(job="recommend", outlets=[RECOMMENDATIONS], priority_weight=10)
    train_text = NightshelfJob(job="train_text", **learning)
    build_search_index = NightshelfJob(job="build_search_index")
    rank_search = NightshelfJob(job="rank_search", outlets=[SEARCH_RESULTS])
    analyse_behaviour = NightshelfJob(job="analyse_behaviour")
    # Judges earlier lists, those whose days have all passed: the script knows which.
    evaluate = NightshelfJob(
        job="nightly", task_id="evaluate", arguments=("--from", "evaluate", "--to", "evaluate")
    )

    reviews = whatever_comes_of(score_reviews, task_id="reviews_over")
    texts = whatever_comes_of(build_item_text, task_id="texts_over")
    # A teardown: it runs whatever came of them, and a run's colour is theirs.
    report = NightshelfJob(job="report").as_teardown()

    features = whatever_comes_of(build_features, build_samples, task_id="features_over")
    samples = whatever_comes_of(build_samples, task_id="samples_over")
    models = whatever_comes_of(build_features, train_towers, train_ctr, task_id="models_over")
    search_models = whatever_comes_of(build_features, train_text, task_id="search_models_over")

    wait >> ingest >> [score_reviews, build_search_index, analyse_behaviour, evaluate]
    [ingest, reviews] >> build_item_text
    [ingest, texts] >> build_item_cf
    [ingest, texts] >> build_features
    build_item_cf >> build_samples >> [train_towers, train_ctr]
    [ingest, features] >> check_drift >> [train_towers, train_ctr, train_text]
    [build_item_cf, check_drift, models] >> recommend
    [ingest, samples] >> train_text
    [build_search_index, check_drift, search_models] >> rank_search
    [recommend, rank_search, analyse_behaviour, evaluate] >> report
