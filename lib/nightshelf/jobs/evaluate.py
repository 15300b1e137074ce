"""Evaluate: the lists of ds against the events of the days after it -> gold.evaluation."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import reduce
from statistics import median
from typing import Final

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from rich.console import Console

from nightshelf.columns import DS, NIGHTSHELF, SEGMENT, SOURCE
from nightshelf.errors import DataQualityError, MissingInputError
from nightshelf.evaluation.exposure import exposure
from nightshelf.evaluation.figures import scored
from nightshelf.evaluation.intervals import means
from nightshelf.evaluation.people import ALL
from nightshelf.evaluation.scores import NO_PROBABILITIES, score_means
from nightshelf.jobs.baselines import baselines
from nightshelf.jobs.judging import Judge, judge
from nightshelf.jobs.past_runs import EVALUATE
from nightshelf.jobs.shop import kept_ingredients
from nightshelf.jobs.show import show_evaluation
from nightshelf.ranking.lists import by_model
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.tables import GOLD_EVALUATION, GOLD_RECOMMENDATIONS

DAYS: Final = 7
"""The usual value is the median of so many days."""
LEAST: Final = 3


def run(run: Run) -> None:
    """Judges the lists of ds, and baselines by the same rules.

    Skipped where there are no lists of ds, or no later events to judge them by. Raises
    DataQualityError, with all of it published, where they were far worse than those before.
    """
    if not run.store.has(GOLD_RECOMMENDATIONS, run.ds):
        raise Skipped(f"no lists of {run.ds} to judge")
    with kept_ingredients(run, run.ds) as made:
        try:
            by = judge(run, made)
        except MissingInputError as nothing:
            raise Skipped(str(nothing)) from None
        run.rows_in = by.wanted
        own = run.read(GOLD_RECOMMENDATIONS, on=run.ds)
        lists = [(NIGHTSHELF, own), *baselines(run, made)]
        made.keep(*(frame for _, frame in lists))  # counted, and judged in three ways
        judged = [_judged(run, frame, by, name) for name, frame in lists]
        names = [column.name for column in GOLD_EVALUATION.columns]
        rows = reduce(DataFrame.unionByName, judged).withColumn(DS, F.lit(run.ds)).select(*names)
        run.publish(rows, GOLD_EVALUATION)
    if not run.dry_run:
        k = run.config.evaluate.shown_k
        rows = run.read(GOLD_EVALUATION, on=run.ds)
        show_evaluation(rows, k, NIGHTSHELF, Console())
        if run.config.evaluate.max_fall is not None:
            check_fall(_lately(run, f"ndcg@{k}"), run.ds, run.config.evaluate.max_fall)


def _lately(run: Run, metric: str) -> list[Row]:
    """[ds, metric, value, high] of our lists of ds and of the DAYS before."""
    first = F.lit(run.ds - timedelta(days=DAYS))
    ours = (F.col("model") == NIGHTSHELF) & (F.col(SOURCE) == ALL) & (F.col(SEGMENT) == ALL)
    rows = run.read(GOLD_EVALUATION, until=run.ds).where(ours & (F.col(DS) >= first))
    return rows.where(F.col("metric") == metric).select(DS, "metric", "value", "high").collect()


def check_fall(told: Sequence[Row], ds: date, most: float) -> None:
    """Raises DataQualityError where ds is below the median of the days before by more than `most`.

    By the upper end of its interval, so that chance among a few users is no fall, and not before
    LEAST such days are judged. told: [ds, metric, value, high].
    """
    now = next((row for row in told if row[DS] == ds), None)
    before = [row["value"] for row in told if row[DS] < ds and row["value"] is not None]
    if now is None or now["high"] is None or len(before) < LEAST:
        return
    usual = median(before)
    if now["high"] < (1 - most) * usual:
        raise DataQualityError(
            f"{GOLD_EVALUATION.name}: {now['metric']} of the lists of {ds} is {now['value']:.3f}, "
            f"at most {now['high']:.3f}, where that of the {len(before)} judged days before is "
            f"{usual:.3f}: a fall by more than evaluate.max_fall ({most:g}); look in the report "
            "whether shoppers, the sources or the model have changed, go back to an earlier model "
            "by jobs/rollback.py --model, or let it pass with --set evaluate.max_fall=null"
        )


def _judged(run: Run, lists: DataFrame, by: Judge, name: str) -> DataFrame:
    """[metric, source, segment, value, low, high, n, why, model]."""
    config = run.config.evaluate
    probabilities = name == NIGHTSHELF and _ranked_by_model(run, lists)
    unfit = by.unfit if probabilities else NO_PROBABILITIES
    share = min(1.0, config.scored_rows / max(lists.count(), 1))
    told = [
        by.figures(lists, config.ks).transform(means(config.ks, config.replicates, by.untold)),
        lists.transform(scored(by.outcomes, by.facts, by.of_shown, share)).transform(
            score_means(config.replicates, unfit)
        ),
        lists.transform(exposure(by.sold, config.ks)),
    ]
    return reduce(DataFrame.unionByName, told).withColumn("model", F.lit(name))


def _ranked_by_model(run: Run, lists: DataFrame) -> bool:
    """Whether the lists' scores are a model's probabilities."""
    told = lists.select(by_model()).first()
    probabilities = run.config.recommend.model_weight == 1.0
    return probabilities and told is not None and bool(told[0])


JOB = Job(EVALUATE, run, writes=(GOLD_EVALUATION,))
main = single(JOB)
