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
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark import Broadcast
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.cf.events import WEIGHT_BITS
from nightshelf.cf.histories import Histories
from nightshelf.cf.history_scores import Matrix, top_n
from nightshelf.cf.packed import Batches, Step, exchange, tables
from nightshelf.columns import ITEM, NEIGHBOUR, RANK, SCORE, SEED_ITEM, SIMILARITY, USER, Transform

ENTRIES_AT_ONCE = 8_000_000  # of the similarities, 12 bytes each

_FOUND = f"{USER} string, {RANK} int, {ITEM} string, {SCORE} double, {SEED_ITEM} string"
_IS_SEEN = "is_seen"

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Similarities:
    """A block of similarities in CSR form.

    seeds (S,), candidates (C,): ids, sorted. Seed s's entries go from indptr[s] to indptr[s + 1]:
    candidate (N,) an index, similarity (N,).
    """

    seeds: pa.Array
    candidates: pa.Array
    indptr: Longs
    candidate: Ints
    similarity: Floats

    @classmethod
    def of(cls, found: pa.Table) -> "Similarities":
        """From rows [item_id, neighbour_id, similarity], each pair once, in any order."""
        (seeds, seed), (candidates, candidate) = (_sorted(found[n]) for n in (ITEM, NEIGHBOUR))
        order = np.lexsort((candidate, seed))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(seed, minlength=len(seeds)))])
        similarity = found[SIMILARITY].to_numpy()[order]
        return cls(seeds, candidates, indptr, candidate[order], similarity)


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
    wanted = neighbours.select(ITEM, NEIGHBOUR, SIMILARITY)
    blocks = max(1, -(-wanted.count() // entries_at_once))
    block = F.pmod(F.hash(NEIGHBOUR), F.lit(blocks))
    for n in range(blocks):
        found = Similarities.of(wanted.where(block == n).toArrow())
        yield wanted.sparkSession.sparkContext.broadcast(found)


def _task(block: Broadcast[Similarities], n: int) -> Step:
    def task(batches: Batches) -> Batches:
        histories: list[Histories] = []
        seen: list[Histories] = []
        for batch in batches:
            marks = batch.column(_IS_SEEN).to_pylist()
            for (_, table), is_seen in zip(tables([batch]), marks, strict=True):
                (seen if is_seen else histories).append(Histories.of(table))
        avoided = _Seen.of(seen)
        for some in histories:
            yield _scored(some, avoided, block.value, n)

    return task


def _best(n: int) -> Transform:
    order = Window.partitionBy(USER).orderBy(F.desc(SCORE), F.asc(ITEM))
    return lambda lists: lists.withColumn(RANK, F.row_number().over(order)).where(F.col(RANK) <= n)


@dataclass(frozen=True)
class _Seen:
    """Pairs of a user and an item: user `users[r]` has the items `ids[items[indptr[r]:…]]`."""

    users: pa.Array
    ids: pa.Array
    indptr: Longs
    items: Ints

    @classmethod
    def of(cls, some: list[Histories]) -> "_Seen":
        if not some:
            none = pa.array([], pa.string())
            return cls(none, none, np.zeros(1, np.int64), np.empty(0, np.int32))
        assert len(some) == 1, "a part is packed once"
        return cls(some[0].users, some[0].ids, some[0].indptr, some[0].items)

    def matrix(self, candidates: pa.Array) -> Matrix:
        """Which of the candidates each user has; -1 for items that are none."""
        return Matrix(self.indptr, _index(self.ids, candidates)[self.items], np.empty(0))


def _scored(some: Histories, seen: _Seen, known: Similarities, n: int) -> pa.RecordBatch:
    seeds = _index(some.ids, known.seeds)[some.items]
    history = Matrix(some.indptr, seeds, some.weights * 2.0**-WEIGHT_BITS)
    similarities = Matrix(known.indptr, known.candidate, known.similarity)
    row = _index(some.users, seen.users)
    user, rank, item, score, seed = top_n(
        history, similarities, row, seen.matrix(known.candidates), len(known.candidates), n
    )
    return pa.RecordBatch.from_arrays(
        [
            some.users.take(pa.array(user)),
            pa.array(rank),
            known.candidates.take(pa.array(item)),
            pa.array(score),
            known.seeds.take(pa.array(seed)),
        ],
        [USER, RANK, ITEM, SCORE, SEED_ITEM],
    )


def _index(values: pa.Array, known: pa.Array) -> Ints:
    """(len(values),): the place of each among the known ones, -1 for others."""
    found = pc.fill_null(pc.index_in(values, value_set=known), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int32)


def _sorted(column: pa.ChunkedArray) -> tuple[pa.Array, Ints]:
    """The distinct strings of a column, sorted by bytes, and the place of each row's."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # without a row there is no chunk to combine
        whole = pa.array([], pa.string())
    coded = whole.dictionary_encode()
    order = pc.sort_indices(coded.dictionary).to_numpy()
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return coded.dictionary.take(pa.array(order)), place[coded.indices.to_numpy()]
