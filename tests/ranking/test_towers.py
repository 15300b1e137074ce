"""The two towers' candidates: the nearest items that a user may be shown, and their scores."""

from math import exp
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.features.encoding import Encoding
from nightshelf.fields import Inputs
from nightshelf.ranking import towers
from nightshelf.ranking.candidates import from_vectors
from nightshelf.ranking.towers import TwoTowers
from tests.conftest import Frame

ENCODING = Encoding(Inputs(()), (), {}, 1, 1, 1, None)
RECENT = "user_id string, recent array<string>"
VECTORS = "array<float>"


def test_a_cosine_counts_by_its_distance_to_the_users_best(frame: Frame) -> None:
    lists = frame(
        "user_id string, rank int, item_id string, score double",
        [("ann", 1, "hat", 0.9), ("ann", 2, "mug", 0.7), ("bob", 1, "pan", -1.0)],
    )
    found = lists.transform(from_vectors(0.1)).orderBy("user_id", "item_id").collect()
    assert [tuple(row) for row in found] == [
        ("ann", "hat", "two_tower", 1.0, None),
        ("ann", "mug", "two_tower", pytest.approx(exp(-2)), None),
        ("bob", "pan", "two_tower", 1.0, None),
    ]


def test_the_nearest_of_what_is_sold_and_not_left_out(
    frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = {"ann": [1.0, 0.0], "bob": [0.6, 0.8], "eve": [0.0, 1.0]}
    items = {"hat": [1.0, 0.0], "mug": [0.8, 0.6], "pan": [0.0, 1.0], "old": [0.6, 0.8]}

    def stand_in(key: str, known: dict[str, list[float]]) -> Any:
        vectors = frame(f"{key} string, vector {VECTORS}", list(known.items()))

        def made(rows: DataFrame, encoding: Encoding, load: Any) -> DataFrame:
            assert (encoding, load.folder, f"{load.side[:-1]}_id") == (ENCODING, "m", key)
            return vectors.join(rows.select(key), key, "left_semi")

        return made

    monkeypatch.setattr(towers, "user_vectors", stand_in("user_id", users))
    monkeypatch.setattr(towers, "item_vectors", stand_in("item_id", items))
    tastes = TwoTowers("t", "m", ENCODING, 0.2).tastes(
        frame(RECENT, [("ann", ["hat"]), ("bob", ["pan"]), ("eve", [])]),
        frame("item_id string", [(item,) for item in items]),
    )
    sold = frame("item_id string", [("hat",), ("mug",), ("pan",), ("new",)])
    excluded = frame("user_id string, item_id string", [("ann", "hat"), ("eve", "mug")])
    found = tastes(sold, excluded, 2).orderBy("user_id", F.desc("score")).collect()
    assert [(row.user_id, row.item_id, row.score) for row in found] == [
        ("ann", "mug", 1.0),
        ("ann", "pan", pytest.approx(exp(-0.8 / 0.2))),
        ("bob", "mug", 1.0),
        ("bob", "pan", pytest.approx(exp(-0.16 / 0.2), rel=1e-5)),
    ]
