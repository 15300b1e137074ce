"""By what scores are judged: by what they are the probability of, or by nothing."""

import pytest

from nightshelf.config import Config, EvaluateConfig, FeedbackConfig
from nightshelf.config.model import SamplesConfig, Task
from nightshelf.config.section import ActiveType
from nightshelf.evaluation.list_metrics import NEEDED
from nightshelf.jobs.judging import scores_of

NO_CLICKS = {"click_through": NEEDED["click_through"][1]}


@pytest.mark.parametrize(
    ("tasks", "untold", "of_shown", "why"),
    [
        (("click", "purchase"), {}, "clicked", None),
        (("purchase", "click"), NO_CLICKS, "bought", None),
        (("click",), NO_CLICKS, None, "the source tells no click"),
        (("like",), {}, None, "scores are of 'like', impressions tell of"),
    ],
)
def test_of_what_users_saw(
    tasks: tuple[Task, ...], untold: dict[str, str], of_shown: str | None, why: str | None
) -> None:
    found, unfit = scores_of(Config(samples=SamplesConfig(tasks=tasks)), True, untold)
    assert found == of_shown
    assert (unfit is None) if why is None else why in str(unfit)


@pytest.mark.parametrize(
    ("task", "horizon_days", "event_types", "why"),
    [
        (
            "click", 7, ("click",),
            "scores are of one day, events of 7 days: no impressions are told",
        ),
        ("click", 1, ("click", "purchase"), None),
        ("purchase", 1, ("purchase",), None),
        (
            "purchase", 1, ("click", "purchase"),
            "scores are of purchase; evaluate.event_types has other events",
        ),
    ],
)  # fmt: skip
def test_of_what_users_wanted(
    task: Task, horizon_days: int, event_types: tuple[ActiveType, ...], why: str | None
) -> None:
    config = Config(
        samples=SamplesConfig(tasks=(task,)),
        evaluate=EvaluateConfig(horizon_days=horizon_days, event_types=event_types),
        feedback=FeedbackConfig(weights={"click": 1.0, "purchase": 5.0, "view": 0.0}),
    )
    assert scores_of(config, False, {}) == (None, why)
