"""The two towers of a run: how they are trained, what they are called, which ones find."""

from dataclasses import replace
from typing import Final

from nightshelf.config import config_hash
from nightshelf.ctr.architecture import Architecture
from nightshelf.ctr.settings import Settings
from nightshelf.features.encoding import Encoding
from nightshelf.jobs import ranking_model as model
from nightshelf.ranking.registry import TWO_TOWER
from nightshelf.ranking.towers import TwoTowers
from nightshelf.runs import Run

KEYS: Final = (*model.KEYS, "towers")
"""What of the configuration the towers depend on."""


def towers_id(run: Run) -> str:
    """The same for every run of the same configuration and day."""
    return f"{TWO_TOWER}-{run.ds}-{config_hash(run.config, *KEYS)[:8]}"


def towers_path(run: Run) -> str:
    """The folder of the towers that the run trains, below the warehouse's root."""
    return f"{model.model_path(run)}-towers"


def towers_settings(run: Run, encoding: Encoding) -> Settings:
    """How they train: as the ranking model does, but for what `towers` says.

    A user's tower reads the user's fields and history, an item's tower the item's; fields of both
    together and of the context are on no side. Batches are whole: their positives are each other's
    negatives.
    """
    config = run.config.towers
    return replace(
        model.settings(run),
        architecture=Architecture(
            name=TWO_TOWER,
            embedding=config.embedding,
            hidden=config.hidden,
            users=encoding.side("user"),
            items=encoding.side("item"),
            temperature=config.temperature,
        ),
        batch_size=config.batch_size,
        epochs=config.epochs,
        patience=config.patience,
        learning_rate=config.learning_rate,
        recall_at=config.recall_at,
        accumulate=1,
        precision="fp32",
        calibration="none",
    )


def two_towers(run: Run) -> TwoTowers | None:
    """The towers that find candidates on ds; None, with a warning that says why, without any.

    Raises RetryLaterError where storage fails.
    """
    config = run.config
    if not (config.towers.enabled and config.recommend.two_tower_weight):
        return None
    with model.or_without("the lists have no candidates of two towers"):
        found = model.model_in_use(run, TWO_TOWER)
        if found is None:
            return None
        towers = TwoTowers.of(*found)
        model.check_features(run, towers.encoding)
        return towers
    return None
