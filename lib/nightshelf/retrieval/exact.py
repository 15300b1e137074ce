"""The n best items of every user by inner product, exact, in blocks on Spark.

The items' vectors are packed into matrices of at most `items_at_once` rows: gathered on the driver
as Arrow, broadcast, and read by each Python worker once. The users stream through in Arrow batches:
a task multiplies a few dozen at a time with a whole matrix (BLAS; Spark gives each Python worker as
many threads as its task has cores) and keeps the n best. A larger catalogue takes one such pass for
each matrix, and a merge of their lists. Memory: the driver's grows with the catalogue, a task's
with `items_at_once` and with what one Arrow batch of users has seen; neither with the users.
Shuffled: the users once, with what they have seen; with several matrices also n rows for each user
and matrix.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.core.broadcast import Broadcast
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, RANK, SCORE, USER, VECTOR, Transform
from nightshelf.errors import ConfigError
from nightshelf.literals import frame_of
from nightshelf.retrieval.kernel import Ints, Longs, Singles, best_items
from nightshelf.retrieval.vectors import check_columns, matrix, with_copies
from nightshelf.sending import send

SEEN: Final = "seen"
_FOUND: Final = f"{USER} string, {RANK} int, {ITEM} string, {SCORE} double"


@dataclass(frozen=True)
class Catalogue:
    """Items in the order of their ids: ids (I,) strings, vectors (I, D)."""

    ids: pa.Array
    vectors: Singles


def nearest_items(
    items: DataFrame, *, n: int, seen: DataFrame | None = None, items_at_once: int = 2**18
) -> Transform:
    """[user_id, vector array<float>] -> [user_id, rank, item_id, score]; n rows a user.

    items [item_id, vector array<float>], ids unique, vectors as long as the users'. seen [user_id,
    item_id]: pairs to leave out; unknown ids and repeats do no harm. A user who has fewer than n
    items unseen gets those. Rank from 1 by score, ties by item_id. Score: the inner product in
    double precision, summed in a fixed order, and the ranks are exact for it (see kernel.py): the
    same rows whatever the partitions, batches, `items_at_once` or BLAS.

    Applying it computes `items` and gathers them on the driver. It computes the users once for
    every `items_at_once` items, so read them from a table or cache them where there are more.

    Raises ConfigError for n < 1. Raises DataQualityError for wrong columns, null or repeated ids,
    and vectors that are null, of unequal rank, not finite or of a length of 2**63 and more: for
    items when applied, for users when the result is computed, inside Spark's PythonException.
    """
    if n < 1:
        raise ConfigError(f"nearest_items: expected n of at least 1, found {n}; ask for more items")

    def transform(users: DataFrame) -> DataFrame:
        spark = users.sparkSession
        asking = with_copies("users", _spread(users), USER).transform(_with_seen(seen))
        lists = [
            asking.mapInArrow(_task(send(spark.sparkContext, block), n), _FOUND)
            for block in _blocks(items, items_at_once)
        ]
        if not lists:
            return frame_of(spark, [], _FOUND)
        return lists[0] if len(lists) == 1 else reduce(DataFrame.union, lists).transform(_best(n))

    return transform


def _spread(users: DataFrame) -> DataFrame:
    """The users dealt to as many tasks as a shuffle has partitions, all rows of an id to one.

    Left to itself, Spark would deal them by their bytes, and give the work of hours to one task.
    """
    tasks = int(users.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    return users.repartition(tasks, USER)


def _with_seen(seen: DataFrame | None) -> Transform:
    """[user_id, …] -> the same and `seen`, an array of item ids or null."""
    if seen is None:
        return lambda users: users.withColumn(SEEN, F.lit(None).cast("array<string>"))
    check_columns("seen", seen, {USER: "string", ITEM: "string"})
    per_user = seen.groupBy(USER).agg(F.collect_list(ITEM).alias(SEEN))
    return lambda users: users.join(per_user, USER, "left")


def _blocks(items: DataFrame, items_at_once: int) -> Iterator[Catalogue]:
    found = with_copies("items", items, ITEM).toArrow()
    batches = [batch for batch in found.to_batches() if batch.num_rows]
    if not batches:
        return
    rank = len(batches[0].column(VECTOR)[0].as_py() or ())
    vectors = np.concatenate([matrix("items", ITEM, batch, rank) for batch in batches])
    ids = found.column(ITEM)
    order = pc.sort_indices(ids).to_numpy()  # by bytes, as Spark sorts strings
    for start in range(0, len(order), items_at_once):
        block = order[start : start + items_at_once]
        yield Catalogue(ids.take(pa.array(block)).combine_chunks(), vectors[block])


def _task(
    catalogue: Broadcast[Catalogue], n: int
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from _ranked(batch, catalogue.value, n)

    return task


def _ranked(batch: pa.RecordBatch, catalogue: Catalogue, n: int) -> Iterator[pa.RecordBatch]:
    users = matrix("users", USER, batch, catalogue.vectors.shape[1])
    bounds, places = _places(batch.column(SEEN), catalogue.ids)
    for best in best_items(users, catalogue.vectors, bounds, places, n=n):
        yield pa.RecordBatch.from_pydict(
            {
                USER: batch.column(USER).take(pa.array(best.user)),
                RANK: best.rank,
                ITEM: catalogue.ids.take(pa.array(best.item)),
                SCORE: best.score,
            }
        )


def _places(seen: pa.ListArray, ids: pa.Array) -> tuple[Longs, Ints]:
    """bounds (U + 1,), places: user u has seen the ids at `places[bounds[u]:bounds[u + 1]]`."""
    found = pc.index_in(seen.flatten(), value_set=ids)
    known = found.is_valid().to_numpy(zero_copy_only=False)
    users = pc.list_parent_indices(seen).to_numpy()[known]
    bounds = np.zeros(len(seen) + 1, np.int64)
    np.cumsum(np.bincount(users, minlength=len(seen)), out=bounds[1:])
    return bounds, np.array(found.drop_null(), np.int32)


def _best(n: int) -> Transform:
    """The lists of several blocks of items -> the n best of each user, ranked again."""
    by_score = Window.partitionBy(USER).orderBy(F.desc(SCORE), F.asc(ITEM))
    return lambda lists: lists.withColumn(RANK, F.row_number().over(by_score)).where(
        F.col(RANK) <= n
    )
