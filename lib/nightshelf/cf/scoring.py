"""What every user's history says of the items they have not seen: history times similarities.

The similarities are cut into blocks of candidates, each small enough to be sent whole to every
executor. A block's scores need nothing of another block, so that memory is flat: only the n best of
each user and block are kept. All of a user's history lies in one row, and is added up in the order
of ids: the same scores to the last bit for any number of blocks and parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.cf.coding import bounds, by_id, encoded, places
from nightshelf.cf.events import WEIGHT_BITS
from nightshelf.cf.histories import Histories
from nightshelf.cf.history_scores import Matrix, top_n
from nightshelf.cf.packed import Batches, Step, exchange, tables
from nightshelf.columns import ITEM, NEIGHBOUR, RANK, SCORE, SEED_ITEM, SIMILARITY, USER, Transform
from nightshelf.sending import send

ENTRIES_AT_ONCE = 8_000_000  # of the similarities, 12 bytes each
ROWS_AT_ONCE = 100_000  # of the lists, that Spark is given at once

_FOUND = f"{USER} string, {RANK} int, {ITEM} string, {SCORE} double, {SEED_ITEM} string"
_IS_SEEN = "is_seen"
_NO_IDS = pa.array([], pa.string())
_NOBODY = Histories(
    _NO_IDS, _NO_IDS, np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.int64)
)


@dataclass(frozen=True)
class Similarities:
    """A block of similarities: seeds (S,), candidates (C,) ids, sorted; matrix (S, C)."""

    seeds: pa.Array
    candidates: pa.Array
    matrix: Matrix

    @classmethod
    def of(cls, found: pa.Table) -> "Similarities":
        """From rows [item_id, neighbour_id, similarity], each pair once, in any order."""
        (seeds, seed), (candidates, candidate) = (
            by_id(encoded(found[n])) for n in (ITEM, NEIGHBOUR)
        )
        order = np.lexsort((candidate, seed))
        similarity = found[SIMILARITY].to_numpy()[order]
        return cls(
            seeds, candidates, Matrix(bounds(seed, len(seeds)), candidate[order], similarity)
        )


def best_unseen(
    neighbours: DataFrame,
    seen: DataFrame | None,
    *,
    n: int,
    parts: int,
    entries_at_once: int = ENTRIES_AT_ONCE,
) -> Transform:
    """Packed histories -> [user_id, rank, item_id, score, seed_item_id]: the n best of each user.

    Score: the sum over the history of weight times similarity (Sarwar et al. 2001); only above 0.
    `seed_item_id` names the item of the history that added most. Ties, there too, to the smaller
    id. `neighbours` [item_id, neighbour_id, similarity], each pair once. `seen`: packed pairs of
    items that a user shall not get; None: none. `parts`: into how many both are packed.

    Reads the neighbours at once.
    """

    def transform(histories: DataFrame) -> DataFrame:
        together = histories.withColumn(_IS_SEEN, F.lit(False))
        if seen is not None:
            together = together.unionByName(seen.withColumn(_IS_SEEN, F.lit(True)))
        users = exchange(together, parts)
        lists = [
            users.mapInArrow(_task(block, n), _FOUND)
            for block in _blocks(neighbours, entries_at_once)
        ]
        return lists[0] if len(lists) == 1 else reduce(DataFrame.union, lists).transform(_best(n))

    return transform


def _blocks(neighbours: DataFrame, entries_at_once: int) -> Iterator[Broadcast[Similarities]]:
    wanted = neighbours.select(ITEM, NEIGHBOUR, SIMILARITY).persist()  # counted, then sent
    blocks = max(1, -(-wanted.count() // entries_at_once))
    block = F.pmod(F.hash(NEIGHBOUR), F.lit(blocks))
    for n in range(blocks):
        found = Similarities.of(wanted.where(block == n).toArrow())
        yield send(wanted.sparkSession.sparkContext, found)
    wanted.unpersist()


def _task(block: Broadcast[Similarities], n: int) -> Step:
    def task(batches: Batches) -> Batches:
        histories: list[Histories] = []
        seen: list[Histories] = []
        for batch in batches:
            marks = batch.column(_IS_SEEN).to_pylist()
            for (_, table), is_seen in zip(tables([batch]), marks, strict=True):
                (seen if is_seen else histories).append(Histories.of(table))
        assert len(seen) <= 1, "a part is packed once"
        for some in histories:
            yield from _scored(some, seen[0] if seen else _NOBODY, block.value, n)

    return task


def _best(n: int) -> Transform:
    order = Window.partitionBy(USER).orderBy(F.desc(SCORE), F.asc(ITEM))
    return lambda lists: lists.withColumn(RANK, F.row_number().over(order)).where(F.col(RANK) <= n)


def _scored(some: Histories, seen: Histories, known: Similarities, n: int) -> Batches:
    user, rank, item, score, seed = top_n(
        Matrix(
            some.indptr, places(some.ids, known.seeds)[some.items], some.weights * 2.0**-WEIGHT_BITS
        ),
        known.matrix,
        places(some.users, seen.users),
        Matrix(seen.indptr, places(seen.ids, known.candidates)[seen.items], np.empty(0)),
        len(known.candidates),
        n,
    )
    for start in range(0, len(user), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        yield pa.RecordBatch.from_arrays(
            [
                some.users.take(pa.array(user[rows])),
                pa.array(rank[rows]),
                known.candidates.take(pa.array(item[rows])),
                pa.array(score[rows]),
                known.seeds.take(pa.array(seed[rows])),
            ],
            [USER, RANK, ITEM, SCORE, SEED_ITEM],
        )
