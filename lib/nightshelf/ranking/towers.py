"""The two towers in the night: the items whose vectors lie nearest to each user's."""

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, RECENT, USER
from nightshelf.ctr.scorer import TowerLoader
from nightshelf.features.encoding import Encoding
from nightshelf.features.vectors import item_vectors, user_vectors
from nightshelf.ranking.candidates import from_vectors
from nightshelf.ranking.model import whole
from nightshelf.ranking.recommend import Tastes
from nightshelf.retrieval.exact import nearest_items


@dataclass(frozen=True)
class TwoTowers:
    """Towers that can find candidates: their id and folder, and how their inputs are made."""

    model_id: str
    folder: str
    encoding: Encoding
    temperature: float

    @staticmethod
    def of(model_id: str, folder: str) -> "TwoTowers":
        """The towers of a folder, read once to be sure of them.

        Raises DataQualityError where a file is missing or torn, or was made for other inputs.
        """
        model, encoding = whole(folder)
        return TwoTowers(model_id, folder, encoding, model.architecture.temperature)

    def tastes(self, users: DataFrame, items: DataFrame) -> Tastes:
        """The candidates of every user with a history, for `recommend`.

        users: gold.user_features, items: gold.item_features, of the day.
        """

        def candidates(catalogue: DataFrame, excluded: DataFrame, n: int) -> DataFrame:
            known = users.where(F.size(RECENT) > 0)
            sold = items.join(catalogue, ITEM, "left_semi")
            vectors = item_vectors(sold, self.encoding, TowerLoader(self.folder, "items"))
            return (
                user_vectors(known, self.encoding, TowerLoader(self.folder, "users"))
                .transform(nearest_items(vectors, n=n, seen=excluded.select(USER, ITEM)))
                .transform(from_vectors(self.temperature))
            )

        return candidates
