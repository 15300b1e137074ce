"""Serving: the model sees of a pair what it saw in training, bit for bit."""

import os
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pyspark import cloudpickle
from pyspark.sql import DataFrame, SparkSession

from nightshelf.features.encoding import Encoding
from nightshelf.features.export import training_columns
from nightshelf.features.serving import explained, scored
from nightshelf.features.vectors import item_vectors, user_vectors
from nightshelf.fields import Rows
from nightshelf.literals import frame_of
from nightshelf.tables.hashing import string_hashes
from tests.features import sample_shop as shop
from tests.features.rows import day

cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Load:
    """Loads a stand-in for a model, and leaves a file for each time that it does."""

    def __init__(self, folder: Path, score: Callable[[Rows], Any]) -> None:
        self.folder = folder
        self.key = str(folder)
        self.score = score

    def __call__(self) -> Callable[[Rows], Any]:
        (self.folder / f"{os.getpid()}-{uuid.uuid4().hex}").touch()
        return self.score


def seen(rows: Rows) -> NDArray[Any]:
    """All that the model is given, a column each; the user's hash in two halves."""
    rows = rows.whole()
    halves = [rows.users >> 32, rows.users & 0xFFFFFFFF]
    return np.column_stack(
        [rows.ids, rows.numbers, rows.history, rows.vectors, rows.weights, *halves]
    ).astype(np.float64)


def lists(
    spark: SparkSession,
    candidates: DataFrame,
    encoding: Encoding,
    load: Load,
    tasks: list[str],
    pairs_at_once: int = 1000,
) -> DataFrame:
    return scored(
        candidates,
        shop.user_rows(spark).where(f"ds = date'{day(5)}'"),
        shop.item_rows(spark).where(f"ds = date'{day(5)}'"),
        shop.neighbours(spark),
        encoding,
        load,
        tasks,
        pairs_at_once,
    )


def test_a_pair_is_served_as_it_was_trained(spark: SparkSession, tmp_path: Path) -> None:
    rows = shop.samples(spark, 20, 6, 42)  # test: u0 to u6 times i0 to i5, each once
    found, deals, encoding = shop.encoded(spark, rows, ranks=1)
    files = shop.written(spark, found, deals[2], encoding, tmp_path / "test")
    trained = {}
    names = [n for n in training_columns(encoding.inputs) if n not in ("label_click", "user")]
    hashes = string_hashes(pa.array([f"u{n}" for n in range(7)])).view(np.int64).tolist()
    texts = {}
    for row in shop.rows_of(files):
        told = {**row, "position": 1, "weight": 1.0}
        trained.setdefault(row["user"], []).append([told[name] for name in names])
        texts[row["text_0"]] = True
    assert len(texts) == 6  # five items' vectors, and none
    pairs = [(f"u{u}", f"i{n}") for u in range(7) for n in range(6)]
    candidates = frame_of(spark, pairs, "user_id string, item_id string")
    (tmp_path / "loads").mkdir()
    columns = [f"c{n}" for n in range(len(names) + 2)]
    served = lists(spark, candidates, encoding, Load(tmp_path / "loads", seen), columns)
    assert served.columns == ["user_id", "item_id", *columns]
    got: dict[int, list[list[float]]] = {}
    for r in served.collect():
        user = (int(r[columns[-2]]) << 32) + int(r[columns[-1]])
        assert user == hashes[int(r.user_id[1:])]
        got.setdefault(user, []).append([r[c] for c in columns[:-2]])
    assert {u: sorted(rows) for u, rows in got.items()} == {
        u: sorted(rows) for u, rows in trained.items()
    }
    found.unpersist()


def first_id(rows: Rows) -> NDArray[Any]:
    return np.column_stack([rows.ids[:, 0], rows.ids[:, 1] + 100]).astype(np.float32)


def test_scores_go_to_their_pairs_and_a_worker_loads_once(
    spark: SparkSession, tmp_path: Path
) -> None:
    encoding = shop.draft()
    pairs = [(f"u{u}", f"i{n}") for u in range(3) for n in range(4) if (u + n) % 3]
    candidates = frame_of(spark, [*pairs, ("stranger", "i1")], "user_id string, item_id string")
    load = Load(tmp_path, first_id)
    for frame, at_once in ((candidates, 1000), (candidates.repartition(3, "item_id"), 3)):
        found = lists(spark, frame, encoding, load, ["click", "cart"], at_once).collect()
        scores = {(r.user_id, r.item_id): (r.click, r.cart) for r in found}
        assert len(scores) == len(found)
        assert scores == {
            **{(u, i): (5.0 + int(u[1:]), 105.0 + int(i[1:])) for u, i in pairs},
            ("stranger", "i1"): (0.0, 106.0),
        }
    loads = [path.name.split("-")[0] for path in tmp_path.iterdir()]
    assert loads
    assert len(loads) == len(set(loads))


def named(rows: Rows) -> list[list[str]]:
    """Names that tell which user and item the row is of; none for a user without an id."""
    return [[f"user {u}", f"item {i}"][: 2 if u else 0] for u, i in rows.ids[:, :2]]


def test_names_go_to_their_pairs(spark: SparkSession, tmp_path: Path) -> None:
    pairs = [(f"u{u}", f"i{n}") for u in range(3) for n in range(4) if (u + n) % 3]
    found = explained(
        frame_of(spark, [*pairs, ("stranger", "i1")], "user_id string, item_id string"),
        shop.user_rows(spark).where(f"ds = date'{day(5)}'"),
        shop.item_rows(spark).where(f"ds = date'{day(5)}'"),
        shop.neighbours(spark),
        shop.draft(),
        Load(tmp_path, named),
    )
    assert found.schema.simpleString() == (
        "struct<user_id:string,item_id:string,features:array<string>>"
    )
    told = {(row.user_id, row.item_id): row.features for row in found.collect()}
    assert told == {
        **{(u, i): [f"user {5 + int(u[1:])}", f"item {5 + int(i[1:])}"] for u, i in pairs},
        ("stranger", "i1"): [],
    }


def test_without_items_or_neighbours_all_is_unknown(spark: SparkSession, tmp_path: Path) -> None:
    found = scored(
        frame_of(spark, [("u1", "i1")], "user_id string, item_id string"),
        shop.user_rows(spark).where("false"),
        shop.item_rows(spark).where("false"),
        shop.neighbours(spark).where("false"),
        shop.draft(),
        Load(tmp_path, first_id),
        ["click", "cart"],
    ).collect()
    assert [tuple(row) for row in found] == [("u1", "i1", 0.0, pytest.approx(100.0))]


def test_each_side_is_served_as_it_was_trained(spark: SparkSession, tmp_path: Path) -> None:
    rows = shop.samples(spark, 20, 6, 42)
    found, deals, encoding = shop.encoded(spark, rows, ranks=1)
    trained = shop.rows_of(shop.written(spark, found, deals[2], encoding, tmp_path / "test"))
    found.unpersist()
    names = [n for n in training_columns(encoding.inputs) if n not in ("label_click", "user")]
    history, vectors = encoding.inputs.history_columns, encoding.inputs.vector_columns
    own = {
        "user": [*encoding.side("user"), *history],
        "item": [name for name in encoding.side("item") if name != "text"] + list(vectors),
    }
    assert set(own["user"]) | set(own["item"]) < set(names)
    day_5 = f"ds = date'{day(5)}'"
    load = Load(tmp_path, seen)
    served = {
        "user": user_vectors(shop.user_rows(spark).where(day_5), encoding, load).collect(),
        "item": item_vectors(shop.item_rows(spark).where(day_5), encoding, load).collect(),
    }
    assert sorted(row.user_id for row in served["user"]) == ["u0", "u1", "u2", "u3"]
    assert sorted(row.item_id for row in served["item"]) == ["i0", "i1", "i2", "i3", "i4"]
    for side, columns in own.items():
        told = [dict(zip(names, row.vector, strict=False)) for row in served[side]]
        at = {tuple(row[name] for name in columns) for row in told}
        blank = tuple(0.0 for _ in columns)
        seen_in_training = {tuple(row[name] for name in columns) for row in trained} - {blank}
        assert len(at) == len(told)
        assert at == seen_in_training
        others = set(names) - set(columns) - {"weight"}
        unknown = {tuple(row[name] for name in sorted(others)) for row in told}
        assert len(unknown) == 1
