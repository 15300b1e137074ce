"""Reviews and what they say, as the night's steps use them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import ASPECTS, MODEL_ID, RATING, REVIEW, SENTIMENT
from nightshelf.config import Config
from nightshelf.errors import DataQualityError
from nightshelf.learning.storage import Folder
from nightshelf.literals import frame_of
from nightshelf.runs import Run
from nightshelf.tables import REVIEW_SCORES, SILVER_REVIEWS
from nightshelf.text.earliest import learnt_from
from nightshelf.text.reviews import opinions, praise
from nightshelf.text.sentiment import Sentiment

_SAID = (REVIEW, SENTIMENT, ASPECTS)


@dataclass(frozen=True)
class OpinionModel:
    """What scores the reviews of a night: its id, its folder, how many reviews it learnt from."""

    model_id: str
    folder: Folder
    learnt_from: int
    aspects: Mapping[str, Sequence[str]]

    def learnt(self) -> Sentiment | None:
        """What was learnt; None where nothing was yet, or its files are torn."""
        try:
            return Sentiment.load(self.folder)
        except DataQualityError:
            return None


def rated(run: Run) -> DataFrame:
    """silver.reviews up to ds that are plainly of one mind, with `pleased` BOOLEAN."""
    pleased = F.col(RATING) >= run.config.feedback.positive_rating
    displeased = F.col(RATING) <= run.config.reviews.displeased_rating
    told = run.read(SILVER_REVIEWS, until=run.ds)
    return told.where(pleased | displeased).withColumn("pleased", pleased)


def opinion_model(run: Run, rated_reviews: int) -> OpinionModel | None:
    """The model of a night up to which so many reviews were rated; None where they are too few.

    It learns from as many of the earliest as `learnt_from` says.
    """
    config = run.config.reviews
    if rated_reviews < config.min_rated:
        return None
    many = learnt_from(rated_reviews, config.max_rated)
    digest = hashlib.sha256(json.dumps(_made_of(run.config)).encode()).hexdigest()[:8]
    model_id = f"opinions-{digest}-{many}"
    folder = Folder(f"{run.store.root}/models/{model_id}")
    return OpinionModel(model_id, folder, many, config.aspects)


def _made_of(config: Config) -> list[object]:
    told = config.reviews
    return [config.feedback.positive_rating, told.displeased_rating, sorted(told.aspects.items())]


def known_scores(run: Run, model: OpinionModel, until: date) -> DataFrame:
    """[review_id, sentiment, aspects] by the model, made up to a day, each review once."""
    if run.store.version(REVIEW_SCORES) is None:
        return frame_of(run.spark, [], REVIEW_SCORES.schema).select(*_SAID)
    made = run.read(REVIEW_SCORES, until=until).where(F.col(MODEL_ID) == model.model_id)
    # Days that were made again may hold a review twice.
    return made.select(*_SAID).dropDuplicates([REVIEW])


def item_opinions(run: Run) -> DataFrame | None:
    """[item_id, ds, reviews, sentiment, aspect_<name> …] day by day; None where none are known."""
    model = _model_in_use(run)
    learnt = model.learnt() if model else None
    if model is None or learnt is None:
        return None
    told = opinions(list(model.aspects), learnt.told["mean"], run.config.reviews.prior)
    return _said(run, model).transform(told)


def item_praise(run: Run) -> DataFrame | None:
    """[item_id, ds, praise] day by day; None where no opinions are known, or none are wanted."""
    wanted = run.config.text.reviews
    model = _model_in_use(run) if wanted else None
    return None if model is None else _said(run, model).transform(praise(wanted))


def _model_in_use(run: Run) -> OpinionModel | None:
    if not run.config.reviews.enabled or run.store.version(SILVER_REVIEWS) is None:
        return None
    return opinion_model(run, rated(run).count())


def _said(run: Run, model: OpinionModel) -> DataFrame:
    said = known_scores(run, model, run.ds)
    return run.read(SILVER_REVIEWS, until=run.ds).join(said, REVIEW, "inner")
