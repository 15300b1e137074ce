"""The ranking model of a run: how it is trained, what it is called, which one ranks."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Final

from pyspark.sql import Row
from pyspark.sql import functions as F

from nightshelf.columns import VECTORS
from nightshelf.config import TextConfig, config_hash
from nightshelf.ctr.architecture import Architecture
from nightshelf.ctr.settings import Settings
from nightshelf.errors import MissingInputError, NightshelfError, RetryLaterError
from nightshelf.features.encoding import Encoding
from nightshelf.learning.places import Places
from nightshelf.ranking.model import RankingModel
from nightshelf.ranking.registry import RANKER, Kind, in_use, located
from nightshelf.runs import Run
from nightshelf.runs.logs import logger
from nightshelf.tables import ITEM_FEATURES, OPS_MODELS, USER_FEATURES

_TEXT = sorted(TextConfig.model_fields.keys() - {"neighbours", "tokens_at_once"})
_LISTS = ("half_life_days", "bought_types", "repeatable", "repeatable_categories")

KEYS: Final = (
    *("feedback", "reviews", "item_cf", "features", "samples", "ctr"),
    *(f"text.{name}" for name in _TEXT),
    *(f"recommend.{name}" for name in _LISTS),
)
"""What of the configuration a model depends on: sections, and keys of others."""


def model_id(run: Run) -> str:
    """The same for every run of the same configuration and day."""
    return f"{run.config.ctr.model}-{run.ds}-{config_hash(run.config, *KEYS)[:8]}"


def model_path(run: Run) -> str:
    """The folder of the model that the run trains, below the warehouse's root."""
    return f"models/{run.run_id}"


def model_in_use(run: Run, kind: Kind, day: date | None = None) -> tuple[str, str] | None:
    """(model_id, folder) of the model of a kind that is used on a day, which is ds where not given.

    None where there is none.
    """
    row = decided(run, kind, day)
    return (row["model_id"], located(row["path"], run.store.root)) if row else None


def decided(run: Run, kind: Kind, day: date | None = None) -> Row | None:
    """The row of ops.models by which a model of a kind is used that day; None where none is."""
    if run.store.version(OPS_MODELS) is None:
        return None
    return in_use(run.read(OPS_MODELS), day or run.ds, kind)


def ranking_model(run: Run, day: date | None = None) -> RankingModel | None:
    """The model in use that day, which is ds where not given, to rank on ds.

    None, with a warning that says why, where the blend has to. Raises RetryLaterError where
    storage fails: the same lists come of a later try.
    """
    with or_without("the lists are ranked without a model"):
        found = model_in_use(run, RANKER, day) if run.config.ctr.enabled else None
        if found is None:
            return None
        model = RankingModel.of(*found, run.config.recommend.precision)
        check_features(run, model.encoding)
        return model
    return None


@contextmanager
def or_without(
    event: str, errors: tuple[type[Exception], ...] = (NightshelfError,)
) -> Iterator[None]:
    """Leaves the block where a model cannot be used, with a warning that says why.

    errors: what tells so. Raises RetryLaterError where storage fails.
    """
    try:
        yield
    except RetryLaterError:
        raise
    except errors as error:
        logger().warning(event, why=str(error))


def check_features(run: Run, encoding: Encoding) -> None:
    """Raises MissingInputError where the night lacks features, or the texts' vectors of a model.

    Those of another text model mean something else, and zeros would rank worse than the blend.
    """
    for table in (USER_FEATURES, ITEM_FEATURES):
        if not run.store.has(table, run.ds):
            raise MissingInputError(f"{table.name}: no rows of {run.ds}; run build_features")
    items = run.read(ITEM_FEATURES, on=run.ds)
    for vector in encoding.inputs.vectors:
        if items.where(F.map_contains_key(VECTORS, vector.key)).isEmpty():
            raise MissingInputError(
                f"{ITEM_FEATURES.name}: no vectors '{vector.key}' of {run.ds}, on which the model "
                "was trained, those of another text model or none; train again"
            )


def ranks(run: Run) -> int:
    """How many processes train."""
    return _places(run).ranks


def _places(run: Run) -> Places:
    return Places.of(run.spark.sparkContext, run.config.ctr.ranks)


def settings(run: Run) -> Settings:
    """How they train, as configured; a rank has all cores of its place."""
    config = run.config.ctr
    names = set(Settings.__dataclass_fields__) - {"architecture", "threads"}
    return Settings(
        architecture=Architecture(
            name=config.model,
            embedding=config.embedding,
            hidden=config.hidden,
            cross_layers=config.cross_layers,
            dropout=config.dropout,
        ),
        threads=config.threads or _places(run).cores,
        **config.model_dump(include=names),
    )
