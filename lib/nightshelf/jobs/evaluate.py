"""Evaluate: the lists of ds against the events of the days after it -> gold.evaluation."""

from functools import reduce

from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from rich.console import Console

from nightshelf.columns import CATEGORY, DS, ITEM, MODEL_ID, PRICE, USER
from nightshelf.evaluation.exposure import exposure
from nightshelf.evaluation.facts import Facts, facts_of
from nightshelf.evaluation.figures import figures, scored
from nightshelf.evaluation.intervals import means
from nightshelf.evaluation.people import Outcomes
from nightshelf.evaluation.relevant import last_day, relevant, shown
from nightshelf.evaluation.scores import score_means
from nightshelf.evaluation.segments import segments
from nightshelf.jobs.baselines import baselines
from nightshelf.jobs.recommend import cf_id
from nightshelf.jobs.shop import kept_ingredients
from nightshelf.jobs.show import show_evaluation
from nightshelf.ranking.recommend import Ingredients
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.sending import send
from nightshelf.tables import GOLD_EVALUATION, GOLD_RECOMMENDATIONS, SILVER_EVENTS, SILVER_USERS

NIGHTSHELF = "nightshelf"


def run(run: Run) -> None:
    """Judges the lists of ds, and baselines by the same rules.

    Skipped where there are no lists of ds, or no later events to judge them by.
    """
    if not run.store.has(GOLD_RECOMMENDATIONS, run.ds):
        raise Skipped(f"no lists of {run.ds} to judge")
    days = run.config.evaluate.horizon_days
    with kept_ingredients(run, run.ds) as made:
        outcomes = _outcomes(run, made)
        made.keep(*outcomes.frames())  # joined with every model's lists
        run.rows_in = outcomes.wanted.count()
        if not run.rows_in:
            raise Skipped(f"no events in the {days} days after {run.ds} to judge its lists by")
        items = made.shop.items.select(ITEM, CATEGORY, PRICE)
        facts = send(run.spark.sparkContext, facts_of(items, made.positives))
        own = run.read(GOLD_RECOMMENDATIONS, on=run.ds)
        lists = [(NIGHTSHELF, own), *baselines(run, made)]
        judged = [_judged(run, frame, outcomes, facts, made, name) for name, frame in lists]
        names = [column.name for column in GOLD_EVALUATION.columns]
        rows = reduce(DataFrame.unionByName, judged).withColumn(DS, F.lit(run.ds)).select(*names)
        run.publish(rows, GOLD_EVALUATION)
    if not run.dry_run:
        ks = run.config.evaluate.ks
        show_evaluation(run.read(GOLD_EVALUATION, on=run.ds), ks[len(ks) // 2], Console())


def _outcomes(run: Run, made: Ingredients) -> Outcomes:
    config, feedback = run.config.evaluate, run.config.feedback
    later = run.read(SILVER_EVENTS, until=last_day(config, run.ds))
    users = run.read(SILVER_USERS) if run.store.version(SILVER_USERS) is not None else None
    items = made.shop.items.select(ITEM, CATEGORY, PRICE)
    kinds = segments(run.ds, items, users, config.attributes, config.categories)
    seen = later.transform(shown(config, run.ds))
    return Outcomes(
        wanted=later.transform(relevant(config, feedback, run.ds)),
        shown=None if seen.isEmpty() else seen,
        before=made.positives.select(USER, ITEM).distinct(),
        segments=made.positives.transform(kinds),
    )


def _judged(
    run: Run,
    lists: DataFrame,
    outcomes: Outcomes,
    facts: Broadcast[Facts],
    made: Ingredients,
    name: str,
) -> DataFrame:
    """[metric, source, segment, value, low, high, n, why, model]."""
    config = run.config.evaluate
    probabilities = name == NIGHTSHELF and _ranked_by_model(run, lists)
    sold = made.catalogue.select(ITEM)
    share = min(1.0, config.scored_rows / max(lists.count(), 1))
    told = [
        lists.transform(figures(outcomes, facts, config.ks)).transform(
            means(config.ks, config.replicates)
        ),
        lists.transform(scored(outcomes, facts, share)).transform(
            score_means(config.replicates, probabilities)
        ),
        lists.transform(exposure(sold, config.ks)),
    ]
    return reduce(DataFrame.unionByName, told).withColumn("model", F.lit(name))


def _ranked_by_model(run: Run, lists: DataFrame) -> bool:
    """Whether the lists' scores are a model's probabilities."""
    told = lists.select(MODEL_ID).first()
    by_model = told is not None and told[0] != cf_id(run)
    return by_model and run.config.recommend.model_weight == 1.0


JOB = Job("evaluate", run, writes=(GOLD_EVALUATION,))
main = single(JOB)
