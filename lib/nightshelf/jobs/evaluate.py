"""Evaluate: the lists of ds against the events of the days after it -> gold.evaluation."""

from datetime import timedelta
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from rich.console import Console

from nightshelf.columns import DS, EVENT_TYPE, ITEM, RANK, SOURCE, USER
from nightshelf.evaluation.ranking_metrics import METRICS, averages, coverage, user_metrics
from nightshelf.feedback import positive_events
from nightshelf.jobs.shop import kept_ingredients
from nightshelf.jobs.show import show_evaluation
from nightshelf.ranking.recommend import popular
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.tables import GOLD_EVALUATION, GOLD_RECOMMENDATIONS, SILVER_EVENTS

NIGHTSHELF, POPULARITY = "nightshelf", "popularity"


def run(run: Run) -> None:
    """Judges the lists of ds, beside the shop's most popular items under the same rules.

    Skipped where there are no lists of ds, or no later events to judge them by.
    """
    if not run.store.has(GOLD_RECOMMENDATIONS, run.ds):
        raise Skipped(f"no lists of {run.ds} to judge")
    relevant = _relevant(run).cache()  # joined with every model's lists
    run.rows_in = relevant.count()
    if not run.rows_in:
        days = run.config.evaluate.horizon_days
        raise Skipped(f"no events in the {days} days after {run.ds} to judge its lists by")
    with kept_ingredients(run, run.ds) as made:
        lists = {
            NIGHTSHELF: run.read(GOLD_RECOMMENDATIONS, on=run.ds).select(USER, ITEM, RANK),
            POPULARITY: popular(made, run.config.recommend, run.config.feedback),
        }
        sold = made.catalogue.select(ITEM)
        judged = [_judged(run, frame, relevant, sold, model) for model, frame in lists.items()]
        names = [column.name for column in GOLD_EVALUATION.columns]
        rows = reduce(DataFrame.unionByName, judged).withColumn(DS, F.lit(run.ds)).select(*names)
        run.publish(rows, GOLD_EVALUATION)
    relevant.unpersist()
    if not run.dry_run:
        show_evaluation(run.read(GOLD_EVALUATION, on=run.ds), Console())


def _relevant(run: Run) -> DataFrame:
    config, feedback = run.config.evaluate, run.config.feedback
    last = run.ds + timedelta(days=config.horizon_days)
    return (
        run.read(SILVER_EVENTS, until=last)
        .where(F.col(DS) > F.lit(run.ds))
        .where(F.col(EVENT_TYPE).isin(*config.event_types))
        .transform(positive_events(feedback.weights, feedback.positive_rating))
        .select(USER, ITEM)
        .distinct()
    )


def _judged(
    run: Run, lists: DataFrame, relevant: DataFrame, available: DataFrame, model: str
) -> DataFrame:
    ks = run.config.evaluate.ks
    metrics = [f"{metric}@{k}" for k in ks for metric in METRICS]
    users = lists.transform(user_metrics(relevant, ks)).transform(averages(metrics))
    return (
        users.unionByName(lists.transform(coverage(available, ks)))
        .withColumn("model", F.lit(model))
        .withColumn(SOURCE, F.lit("all"))
    )


JOB = Job("evaluate", run, writes=(GOLD_EVALUATION,))
main = single(JOB)
