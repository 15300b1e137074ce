"""Evaluate: the lists of ds against the events of the days after it -> gold.evaluation."""

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from rich.console import Console

from nightshelf.columns import DS, NIGHTSHELF
from nightshelf.errors import MissingInputError
from nightshelf.evaluation.exposure import exposure
from nightshelf.evaluation.figures import scored
from nightshelf.evaluation.intervals import means
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


def run(run: Run) -> None:
    """Judges the lists of ds, and baselines by the same rules.

    Skipped where there are no lists of ds, or no later events to judge them by.
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
        ks = run.config.evaluate.ks
        rows = run.read(GOLD_EVALUATION, on=run.ds)
        show_evaluation(rows, ks[len(ks) // 2], NIGHTSHELF, Console())


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
