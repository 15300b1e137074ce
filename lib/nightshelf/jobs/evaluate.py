"""Evaluate: the lists of ds against the events of the days after it -> gold.evaluation."""

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from rich.console import Console

from nightshelf.columns import DS, ITEM, RANK, SOURCE, USER
from nightshelf.evaluation.ranking_metrics import METRICS, averages, coverage, user_metrics
from nightshelf.evaluation.relevant import last_day, relevant
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
    wanted = _relevant(run).cache()  # joined with every model's lists
    run.rows_in = wanted.count()
    if not run.rows_in:
        days = run.config.evaluate.horizon_days
        raise Skipped(f"no events in the {days} days after {run.ds} to judge its lists by")
    with kept_ingredients(run, run.ds) as made:
        lists = {
            NIGHTSHELF: run.read(GOLD_RECOMMENDATIONS, on=run.ds).select(USER, ITEM, RANK),
            POPULARITY: popular(made, run.config.recommend, run.config.feedback),
        }
        sold = made.catalogue.select(ITEM)
        judged = [_judged(run, frame, wanted, sold, model) for model, frame in lists.items()]
        names = [column.name for column in GOLD_EVALUATION.columns]
        rows = reduce(DataFrame.unionByName, judged).withColumn(DS, F.lit(run.ds)).select(*names)
        run.publish(rows, GOLD_EVALUATION)
    wanted.unpersist()
    if not run.dry_run:
        show_evaluation(run.read(GOLD_EVALUATION, on=run.ds), Console())


def _relevant(run: Run) -> DataFrame:
    config = run.config.evaluate
    events = run.read(SILVER_EVENTS, until=last_day(config, run.ds))
    return events.transform(relevant(config, run.config.feedback, run.ds))


def _judged(
    run: Run, lists: DataFrame, wanted: DataFrame, available: DataFrame, model: str
) -> DataFrame:
    ks = run.config.evaluate.ks
    metrics = [f"{metric}@{k}" for k in ks for metric in METRICS]
    users = lists.transform(user_metrics(wanted, ks)).transform(averages(metrics))
    return (
        users.unionByName(lists.transform(coverage(available, ks)))
        .withColumn("model", F.lit(model))
        .withColumn(SOURCE, F.lit("all"))
    )


JOB = Job("evaluate", run, writes=(GOLD_EVALUATION,))
main = single(JOB)
