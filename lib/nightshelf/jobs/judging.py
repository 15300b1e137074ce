"""What lists of a day are judged by, read from the tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import CATEGORY, ITEM, PRICE, SEGMENT, USER
from nightshelf.config import Config
from nightshelf.errors import MissingInputError
from nightshelf.evaluation.facts import Facts, facts_of
from nightshelf.evaluation.figures import OfShown, figures
from nightshelf.evaluation.list_metrics import NEEDED
from nightshelf.evaluation.people import Outcomes
from nightshelf.evaluation.relevant import happened, last_day, logged, relevant, shown
from nightshelf.evaluation.segments import segments
from nightshelf.features.samples import AFTER_A_CLICK
from nightshelf.ranking.recommend import Ingredients
from nightshelf.runs import Run
from nightshelf.runs.logs import logger
from nightshelf.sending import send
from nightshelf.tables import CUSTOMERS, SILVER_EVENTS, SILVER_USERS

OF_SHOWN: Final[Mapping[str, tuple[OfShown, str]]] = {
    "click": ("clicked", "click_through"),
    "purchase": ("bought", "conversion"),
}
"""By task, what of impressions led to it; and the metric that needs the same events."""


@dataclass(frozen=True)
class Judge:
    """outcomes: what users did after ds, and who they are; wanted: how many pairs of them.

    facts: of the items as of ds. sold [item_id]: those that could be shown. untold: by metric, why
    it has no value: the source tells nothing of what it counts. of_shown, unfit: as `scores_of`.
    """

    outcomes: Outcomes
    wanted: int
    facts: Broadcast[Facts]
    sold: DataFrame
    untold: Mapping[str, str]
    of_shown: OfShown | None
    unfit: str | None

    def figures(self, lists: DataFrame, ks: tuple[int, ...]) -> DataFrame:
        """The sums of `evaluation.figures`."""
        return lists.transform(figures(self.outcomes, self.facts, ks))


def judge(run: Run, made: Ingredients) -> Judge:
    """Of ds, by the days of `evaluate.horizon_days` after it.

    Raises MissingInputError where there are no events in these; warns where not all have come.
    """
    config, feedback = run.config.evaluate, run.config.feedback
    last = last_day(config, run.ds)
    later = run.read(SILVER_EVENTS, until=last)
    users = run.read(SILVER_USERS) if run.store.version(SILVER_USERS) is not None else None
    items = made.shop.items.select(ITEM, CATEGORY, PRICE)
    kinds = made.positives.transform(
        segments(run.ds, items, users, config.attributes, config.categories)
    )
    if run.store.has(CUSTOMERS, run.ds):
        own = F.concat(F.lit("customer:"), "kind").alias(SEGMENT)
        kinds = kinds.unionByName(run.read(CUSTOMERS, on=run.ds).select(USER, own))
    seen = later.transform(shown(config, run.ds))
    outcomes = Outcomes(
        wanted=later.transform(relevant(config, feedback, run.ds)),
        shown=None if seen.isEmpty() else seen,
        before=made.positives.select(USER, ITEM).distinct(),
        segments=kinds,
        logged=later.transform(logged(config, run.ds)),
    )
    made.keep(*outcomes.frames())  # joined with the lists of every model
    wanted = outcomes.wanted.count()
    if not wanted:
        raise MissingInputError(
            f"no events in the {config.horizon_days} days after {run.ds} to judge its lists by; "
            "ingest later days first"
        )
    [came] = later.transform(happened(config, run.ds)).collect()
    if came["newest"] < last:
        logger().warning(
            "events have come for fewer days than evaluate.horizon_days",
            newest_events=str(came["newest"]),
            wanted=str(last),
        )
    facts = send(run.spark.sparkContext, facts_of(items, made.positives))
    untold = {metric: why for metric, (needed, why) in NEEDED.items() if not came[needed]}
    of_shown, unfit = scores_of(run.config, outcomes.shown is not None, untold)
    sold = made.catalogue.select(ITEM)
    return Judge(outcomes, wanted, facts, sold, untold, of_shown, unfit)


def scores_of(
    config: Config, impressions: bool, untold: Mapping[str, str]
) -> tuple[OfShown | None, str | None]:
    """What scores are judged by: of rows shown, or None: of all rows, by what users wanted.

    And why not as probabilities, or None where they are of just that. A score is the probability of
    `samples.tasks[0]`: of one impression where the source tells them, else of a day.
    """
    task, judging = config.samples.tasks[0], config.evaluate
    if impressions:
        if task not in OF_SHOWN:
            return None, f"scores are of '{task}', impressions tell of clicks and purchases alone"
        of_shown, metric = OF_SHOWN[task]
        return (None, untold[metric]) if metric in untold else (of_shown, None)
    if judging.horizon_days > 1:
        days = judging.horizon_days
        return None, f"scores are of one day, events of {days} days: no impressions are told"
    positive = [kind for kind, weight in config.feedback.weights.items() if weight > 0]
    deeds = AFTER_A_CLICK.get(task, positive)
    if set(deeds) != set(judging.event_types):
        return None, f"scores are of {', '.join(deeds)}; evaluate.event_types has other events"
    return None, None
