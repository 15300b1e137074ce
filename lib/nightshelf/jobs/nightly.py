"""The whole night: every step in order, in one process."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date, timedelta

import click
from rich.console import Console

from nightshelf.config import Config
from nightshelf.errors import EXIT_OK, ConfigError, DataQualityError, NightshelfError
from nightshelf.jobs import (
    analyse_behaviour,
    build_features,
    build_item_cf,
    build_item_text,
    build_samples,
    build_search_index,
    check_drift,
    evaluate,
    ingest,
    rank_search,
    recommend,
    report,
    score_reviews,
    simulate_shop,
    train_ctr,
    train_text,
    train_towers,
)
from nightshelf.jobs.show import show
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import Arguments, Extra, command, start
from nightshelf.runs.logs import logger
from nightshelf.runs.record import Outcome, execute, failure, recorded

STEPS = (
    simulate_shop.JOB,
    ingest.JOB,
    score_reviews.JOB,
    build_item_text.JOB,
    build_item_cf.JOB,
    build_features.JOB,
    build_samples.JOB,
    check_drift.JOB,
    train_towers.JOB,
    train_ctr.JOB,
    recommend.JOB,
    train_text.JOB,
    build_search_index.JOB,
    rank_search.JOB,
    analyse_behaviour.JOB,
    evaluate.JOB,
    report.JOB,
)
MODEL = (
    score_reviews.JOB,
    build_item_text.JOB,
    build_features.JOB,
    build_samples.JOB,
    train_towers.JOB,
    train_ctr.JOB,
)
"""Steps without which there still are lists, of earlier models or of none."""
SEARCH = (train_text.JOB, build_search_index.JOB, rank_search.JOB)
"""Steps without which readers keep the search results that they have."""
TOLD = (analyse_behaviour.JOB, evaluate.JOB, report.JOB)
"""Steps that tell how the shop does: readers have their lists by then."""
BEFORE_TRAINING = (build_features.JOB, build_samples.JOB)
"""Those of them without which the others have nothing to do."""
TRAINING = (build_samples.JOB, train_towers.JOB, train_ctr.JOB, train_text.JOB)
"""Steps without which the models in use go on."""
NAMES = tuple(step.name for step in STEPS)


def night(run: Run, steps: Sequence[Job]) -> Outcome:
    """Runs the steps under the night's own lock, then shows some of the lists.

    A night that a gate holds still has its report, which tells of the gate. A step that is run by
    itself has its own record and is no night: it mends none that failed.
    """
    record = recorded(run) if len(steps) > 1 else nullcontext(Outcome())
    with record as outcome, run.store.locks.at_work(f"nightly/{run.ds.isoformat()}"):
        try:
            ended = _steps(run, steps)
        except DataQualityError:
            if report.JOB in steps:
                _tell_of_the_gate(run)
            raise
        if recommend.JOB in steps and not run.dry_run:
            show(run, Console())
    if len(steps) > 1:
        return outcome
    return ended[0] if ended else Outcome("skipped", EXIT_OK, "no step that is asked for runs here")


def _tell_of_the_gate(run: Run) -> None:
    try:
        _step(report.JOB, run, is_alone=False)
    except Exception as error:
        # That a gate held the night is what its exit code has to say.
        logger().warning("no report", why=f"{type(error).__name__}: {error}")


def _steps(run: Run, steps: Sequence[Job]) -> list[Outcome]:
    """Runs those that have something to do; how they ended."""
    ended, untrained = list[Outcome](), False
    for step in steps:
        if step is simulate_shop.JOB and not run.config.simulate.enabled:
            continue
        if not (untrained and step in MODEL):
            ended.append(_step(step, run, is_alone=len(steps) == 1))
            untrained |= step in BEFORE_TRAINING and ended[-1].status in ("skipped", "failed")
    return ended


def _body(arguments: Arguments) -> Outcome:
    """The steps from `--from` to `--to`."""
    extra = arguments.extra
    steps = steps_of(_chosen(extra["first"], extra["last"]), train=extra["train"])
    return night(start(arguments, "nightly"), steps)


def steps_of(steps: Sequence[Job], *, train: bool) -> tuple[Job, ...]:
    """Those of the steps that are done where models are trained, or go on as they are."""
    return tuple(step for step in steps if train or step not in TRAINING)


TRAIN = click.Option(
    ["--train/--no-train"],
    default=True,
    help="Whether models are trained, or those in use go on. Default: trained.",
)


def _chosen(first: str | None, last: str | None) -> tuple[Job, ...]:
    begin = NAMES.index(first) if first else 0
    end = NAMES.index(last) if last else len(NAMES) - 1
    if begin > end:
        raise ConfigError(f"--from {first} --to {last}: steps run in the order {', '.join(NAMES)}")
    return STEPS[begin : end + 1]


def _step(step: Job, night: Run, *, is_alone: bool) -> Outcome:
    """One step as a run of its own; its rows count towards the night's. How it ended.

    A model's or search's step that fails is told and passed over: readers get their lists. Unless
    it is all that was asked for.
    """
    ds = night.ds
    if step is evaluate.JOB:
        # The newest lists whose days have all passed.
        ds -= timedelta(days=night.config.evaluate.horizon_days)
    run = Run(night.spark, night.config, ds, step.name, night.run_id, night.dry_run)
    try:
        outcome = execute(step, run)
    except NightshelfError as error:
        if is_alone or step not in (*MODEL, *SEARCH, *TOLD):
            raise
        logger().warning("the night goes on without this step", step=step.name, why=str(error))
        return failure(error)
    night.rows_in += run.rows_in
    night.rows_out += run.rows_out
    return outcome


def _last_simulated_day(config: Config, _: Extra) -> date | None:
    """The night of a simulated shop, whose days the config fixes; None for a real one."""
    simulated = config.simulate
    return simulated.start + timedelta(days=simulated.days - 1) if simulated.enabled else None


main = command(
    "nightly",
    _body,
    default_ds=_last_simulated_day,
    options=(
        click.Option(["--from", "first"], type=click.Choice(NAMES), help="First step to run."),
        click.Option(["--to", "last"], type=click.Choice(NAMES), help="Last step to run."),
        TRAIN,
    ),
)
