"""Candidates -> scores of a model, in Spark: the encoded rows are those of the training set."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark import Broadcast
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.columns import DS, FEATURES, ITEM, NEIGHBOUR, SIMILARITY, TEXT, USER
from nightshelf.features.cross import ItemTexts, Near, Neighbours, Pairs
from nightshelf.features.encoding import Encoding
from nightshelf.features.pairs import FIRST_POSITION, combined, user_numbers
from nightshelf.features.scorers import Explainer, Scorer
from nightshelf.features.sides import Side, encoded_items, encoded_users, packed, unknown, unpacked
from nightshelf.fields import Rows
from nightshelf.learning.loading import Loader, loaded
from nightshelf.sending import send
from nightshelf.tables import USER_FEATURES
from nightshelf.tables.hashing import string_hashes

PAIRS_AT_ONCE: Final = 32_768
"""Rows that a model is given at once, about."""

Batches = Iterable[pa.RecordBatch]


def scored(
    candidates: DataFrame,
    users: DataFrame,
    items: DataFrame,
    neighbours: DataFrame,
    encoding: Encoding,
    load: Loader[Scorer],
    tasks: Sequence[str],
    pairs_at_once: int = PAIRS_AT_ONCE,
) -> DataFrame:
    """[user_id, item_id] candidates, each once -> [user_id, item_id, <task> double, …].

    users: gold.user_features of the night, items: gold.item_features, neighbours:
    gold.item_neighbours; those without a row are as unknown as they were in training. Every item
    counts as shown first in its list.

    Reads the items and the neighbours at once: an encoded row an item, 12 bytes a neighbour.
    """
    answer = _Answer(load, tuple((task, pa.float64()) for task in tasks), _columns)
    shelves = _shelves(items, neighbours, encoding, candidates.sparkSession)
    columns = ", ".join(f"`{task}` double" for task in tasks)
    return _asked(candidates, users, shelves, answer, columns, pairs_at_once)


def explained(
    pairs: DataFrame,
    users: DataFrame,
    items: DataFrame,
    neighbours: DataFrame,
    encoding: Encoding,
    load: Loader[Explainer],
) -> DataFrame:
    """[user_id, item_id] pairs, each once -> [user_id, item_id, features array<string>].

    The model is given the rows that `scored` gives it, of the same tables.
    """
    answer = _Answer(load, ((FEATURES, pa.list_(pa.string())),), _lists)
    shelves = _shelves(items, neighbours, encoding, pairs.sparkSession)
    return _asked(pairs, users, shelves, answer, f"{FEATURES} array<string>", PAIRS_AT_ONCE)


def _asked(
    pairs: DataFrame,
    users: DataFrame,
    shelves: "_Shelves",
    answer: "_Answer",
    columns: str,
    pairs_at_once: int,
) -> DataFrame:
    names = [column.name for column in USER_FEATURES.columns]
    lists = pairs.groupBy(USER).agg(F.sort_array(F.collect_list(ITEM)).alias("candidates"))
    return lists.join(users.select(*names), USER, "left").mapInArrow(
        _Task(shelves, answer, pairs_at_once), f"{USER} string, {ITEM} string, {columns}"
    )


@dataclass(frozen=True)
class _Answer:
    """What is asked of a model: how it is loaded, and the columns that it gives."""

    load: Loader[Any]
    columns: tuple[tuple[str, pa.DataType], ...]
    arrays: Callable[[Any, int], Iterable[Any]]

    def __call__(self, model: Any, rows: Rows) -> list[pa.Array]:
        told = self.arrays(model(rows), len(rows))
        return [pa.array(x, kind) for x, (_, kind) in zip(told, self.columns, strict=True)]


def _columns(scores: Any, rows: int) -> Iterable[Any]:
    return np.asarray(scores, np.float64).reshape(rows, -1).T.copy()


def _lists(names: Any, rows: int) -> Iterable[Any]:
    return [names]


@dataclass(frozen=True)
class _Shelves:
    """What every task looks up; each sent to the executors once."""

    encoding: Broadcast[Encoding]
    shelf: Broadcast["_Shelf"]
    near: Broadcast[Near]


def _shelves(
    items: DataFrame, neighbours: DataFrame, encoding: Encoding, spark: SparkSession
) -> _Shelves:
    context = spark.sparkContext
    sent = send(context, encoding)
    near = Neighbours.of(neighbours.select(ITEM, NEIGHBOUR, SIMILARITY).toArrow())
    shelf = _shelf(items, sent, encoding)
    texts = ItemTexts.of(shelf.hashes, shelf.items["vectors"][:-1, encoding.numbers_of(TEXT)])
    return _Shelves(sent, send(context, shelf), send(context, Near(near, texts)))


@dataclass(frozen=True)
class _Shelf:
    """The encoded items (I + 1,), the unknown one last; hashes (I,) of ids, in order."""

    hashes: NDArray[np.uint64]
    items: Side

    def places(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(B,): the place of each item; that of the unknown one for others."""
        if not len(self.hashes):
            return np.zeros(len(hashes), np.int64)
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.where(self.hashes[at] == hashes, at, len(self.hashes))


def _shelf(items: DataFrame, sent: Broadcast[Encoding], encoding: Encoding) -> _Shelf:
    def task(batches: Batches) -> Batches:
        for batch in batches:
            side = packed(encoded_items(sent.value, batch))
            yield pa.RecordBatch.from_arrays([batch.column(ITEM), side], [ITEM, "side"])

    found = items.mapInArrow(task, f"{ITEM} string, side binary").toArrow()
    kind = encoding.item_row
    sides = [unpacked(batch.column("side"), kind) for batch in found.to_batches()]
    ids = pa.concat_arrays([*found[ITEM].chunks, pa.array([], pa.string())])
    hashes = string_hashes(ids)
    order = np.argsort(hashes, kind="stable")
    rows = np.concatenate([*sides, unknown(kind)])
    return _Shelf(hashes[order], rows[np.append(order, len(order))])


@dataclass(frozen=True)
class _Task:
    """Batches of users with their candidates -> scores."""

    shelves: _Shelves
    answer: _Answer
    pairs_at_once: int

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        model = loaded(self.answer.load)
        for batch in batches:
            users = encoded_users(self.shelves.encoding.value, batch)
            users[batch.column(DS).is_null().to_numpy(zero_copy_only=False)] = unknown(users.dtype)
            ends = np.cumsum(pc.list_value_length(batch.column("candidates")).to_numpy())
            start = 0
            while start < len(batch):
                before = ends[start - 1] if start else 0
                stop = int(np.searchsorted(ends, before + self.pairs_at_once, side="right"))
                stop = min(max(stop, start + 1), len(batch))
                some = slice(start, stop)
                yield self._answered(model, batch.slice(start, stop - start), users[some])
                start = stop

    def _answered(self, model: Any, batch: pa.RecordBatch, users: Side) -> pa.RecordBatch:
        lists = batch.column("candidates")
        owner = np.repeat(np.arange(len(batch)), pc.list_value_length(lists).to_numpy())
        items = lists.flatten()
        rows = self._rows(users, owner, items)
        names = batch.column(USER)
        rows = replace(rows, users=user_numbers(names)[owner])
        return pa.RecordBatch.from_arrays(
            [names.take(pa.array(owner)), items, *self.answer(model, rows)],
            [USER, ITEM, *(name for name, _ in self.answer.columns)],
        )

    def _rows(self, users: Side, owner: NDArray[np.int64], items: pa.Array) -> Rows:
        encoding, shelf = self.shelves.encoding.value, self.shelves.shelf.value
        hashes = string_hashes(items)
        pairs = Pairs(users, owner, shelf.items, shelf.places(hashes), hashes)
        positions = np.full(len(items), FIRST_POSITION, np.int32)
        rows = combined(encoding, pairs, self.shelves.near.value, positions)
        return replace(rows, numbers=encoding.scaled(rows.numbers))
