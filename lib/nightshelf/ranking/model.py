"""The ranking model in the night: the pool's probabilities, or why there are none."""

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, NEW_USER, USER, Transform
from nightshelf.ctr.scorer import ExplainerLoader, ModelLoader
from nightshelf.ctr.trained import Trained
from nightshelf.errors import DataQualityError
from nightshelf.features.encoding import FILES, FOLDER, Encoding
from nightshelf.features.serving import explained, scored
from nightshelf.learning.precision import Precision
from nightshelf.learning.storage import Folder
from nightshelf.ranking.pool import CLICK


@dataclass(frozen=True)
class RankingModel:
    """A model that can rank: its id, how workers load it, how its inputs are made."""

    model_id: str
    loader: ModelLoader
    encoding: Encoding

    @staticmethod
    def of(model_id: str, folder: str, precision: Precision) -> "RankingModel":
        """The model of a folder, read once to be sure of it.

        Raises DataQualityError where a file is missing or torn, or was made for other inputs.
        """
        _, encoding = whole(folder)
        return RankingModel(model_id, ModelLoader(folder, precision), encoding)

    def clicks(self, users: DataFrame, items: DataFrame, neighbours: DataFrame) -> Transform:
        """[user_id, item_id, …] -> [user_id, item_id, click]: the first task's probability.

        users: gold.user_features, items: gold.item_features, neighbours: gold.item_neighbours, of
        the day. Users without features, such as the one that stands for all new ones, get none.
        """
        tasks = self.encoding.inputs.tasks

        def transform(pool: DataFrame) -> DataFrame:
            found = scored(
                _known(pool, users), users, items, neighbours, self.encoding, self.loader, tasks
            )
            return found.select(USER, ITEM, F.col(tasks[0]).alias(CLICK))

        return transform

    def features(
        self, n: int, users: DataFrame, items: DataFrame, neighbours: DataFrame
    ) -> Transform:
        """[user_id, item_id, …] -> [user_id, item_id, features]: the n that raise each click most.

        The tables are those of `clicks`. Never the position: it is the same for every row of a
        list. Wants captum (`ctr.explain.check_installed`).
        """
        load = ExplainerLoader(self.loader.folder, n, self.encoding.side("context"))
        return lambda lists: explained(
            _known(lists, users), users, items, neighbours, self.encoding, load
        )


def _known(pairs: DataFrame, users: DataFrame) -> DataFrame:
    """Those [user_id, item_id] whose user has features."""
    named = pairs.select(USER, ITEM).where(F.col(USER) != NEW_USER)
    return named.join(users.select(USER), USER, "left_semi")


def whole(folder: str) -> tuple[Trained, Encoding]:
    """The model of a folder and the encoding of its inputs.

    Raises DataQualityError where a file is missing or torn, or the two are not of one training.
    """
    model, encoding = Trained.load(Folder(folder)), encoding_of(Folder(folder))
    if encoding.inputs != model.inputs:
        raise DataQualityError(
            f"{folder}: the model and its encoding are not of one training; train again, or "
            "restore an earlier model (jobs/rollback.py --model)"
        )
    return model, encoding


def encoding_of(folder: Folder) -> Encoding:
    """The encoding frozen with a model. Raises DataQualityError where it is missing or torn."""
    try:
        return Encoding.of({name: folder.folder(FOLDER).read(name) for name in FILES})
    except (FileNotFoundError, ValueError):  # Arrow's errors of torn files are ValueErrors
        raise DataQualityError(
            f"{folder.uri}: no whole encoding beside the model; train again, or restore an "
            "earlier model (jobs/rollback.py --model)"
        ) from None


def freeze_encoding(training_set: Folder, model: Folder) -> None:
    """Copies a training set's encoding to the model that learnt from it."""
    for name in FILES:
        model.folder(FOLDER).write(name, training_set.folder(FOLDER).read(name))
