"""User-based collaborative filtering: what users of like taste wanted.

Both steps are products of `scoring`. A user's history times the users of each item gives the users
who are most alike (Resnick et al. 1994); those times their histories gives the best unseen items.
With w a pair's weight and idf = log(U / users of the item), the likeness of two users is the cosine
of their vectors of w * idf, the other's length first enlarged: |v| becomes sqrt(|v|^2 + damping),
or users with a single item in common would be the most alike.

An item that everyone has would pair everyone with everyone and tells of nobody's taste. Therefore
an item counts towards everybody's own vector, but leads only to those who wanted it most.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.cf.coding import places
from nightshelf.cf.events import WEIGHT_BITS
from nightshelf.cf.histories import Histories, from_pairs, to_pairs
from nightshelf.cf.packed import SCHEMA, Batches, Step, packed, tables
from nightshelf.cf.scoring import best_unseen
from nightshelf.columns import ITEM, NEIGHBOUR, RANK, SCORE, SIMILARITY, USER, WEIGHT, Transform

OTHER = "other_id"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """Who counts as alike: the `k` nearest of the `max_users_per_item` users of each item."""

    k: int = 50
    max_users_per_item: int = 500
    damping: float = 10.0


def similar_users(likeness: Likeness, *, parts: int) -> Transform:
    """Packed histories -> [user_id, other_id, similarity]: the k most similar others of each user.

    `similarity` is the sum over common items of w * idf of the one and of the other, divided by the
    other's length: of one user's others, it orders and weighs them as the cosine does.

    Counts the items' users at once; one row an item comes to the driver.
    """

    def transform(histories: DataFrame) -> DataFrame:
        idf = _idf(histories)
        most = Window.partitionBy(ITEM).orderBy(F.desc(WEIGHT), F.xxhash64(NEIGHBOUR), NEIGHBOUR)
        crowd = (
            histories.mapInArrow(_tastes(idf, likeness.damping), _TASTES)
            .withColumn(RANK, F.row_number().over(most))
            .where(F.col(RANK) <= likeness.max_users_per_item)
        )
        weighed = histories.mapInArrow(_each(lambda some: _weighed(some, idf)), SCHEMA)
        themselves = histories.mapInArrow(_each(_themselves), SCHEMA)
        found = best_unseen(crowd, themselves, n=likeness.k, parts=parts)
        return weighed.transform(found).select(
            USER, F.col(ITEM).alias(OTHER), F.col(SCORE).alias(SIMILARITY)
        )

    return transform


def best_of_similar_users(
    likeness: Likeness,
    seen: DataFrame | None,
    *,
    n: int,
    parts: int,
    only: DataFrame | None = None,
) -> Transform:
    """Packed histories -> [user_id, rank, item_id, score]: the n best of each user.

    Score: the sum over the k most similar users of similarity times the weight of their pair with
    the item. `seen` and `parts` as of `scoring.best_unseen`. `only` [item_id]: what may be
    found; None: anything.

    Reads the histories three times, and looks for the similar users, at once.
    """

    def transform(histories: DataFrame) -> DataFrame:
        others = histories.transform(similar_users(likeness, parts=parts)).select(
            USER, F.col(OTHER).alias(ITEM), F.col(SIMILARITY).alias(WEIGHT)
        )
        pairs = histories.transform(to_pairs)
        wanted = pairs if only is None else pairs.join(only, ITEM, "left_semi")
        theirs = wanted.select(
            F.col(USER).alias(ITEM), F.col(ITEM).alias(NEIGHBOUR), F.col(WEIGHT).alias(SIMILARITY)
        )
        return (
            others.transform(from_pairs(parts))
            .transform(best_unseen(theirs, seen, n=n, parts=parts))
            .select(USER, RANK, ITEM, SCORE)
        )

    return transform


@dataclass(frozen=True)
class _Idf:
    """ids (I,): the items that not everyone has; idf (I,) of each."""

    ids: pa.Array
    idf: Floats

    def of(self, some: Histories) -> Floats:
        """(N,): the idf of each entry; 0 where everyone has the item."""
        at = places(some.ids, self.ids)
        idf = np.zeros(len(at))
        idf[at >= 0] = self.idf[at[at >= 0]]
        return np.asarray(idf[some.items])


def _idf(histories: DataFrame) -> _Idf:
    def count(batches: Batches) -> Batches:
        for _, table in tables(batches):
            some = Histories.of(table)
            users = np.bincount(some.items, minlength=len(some.ids))
            items = pa.concat_arrays([some.ids, pa.nulls(1, some.ids.type)])  # null: all users
            yield pa.RecordBatch.from_arrays(
                [items, pa.array(np.append(users, len(some.users)))], [ITEM, "users"]
            )

    counted = histories.mapInArrow(count, f"{ITEM} string, users bigint")
    found = counted.groupBy(ITEM).agg(F.sum("users").alias("users")).toArrow()
    users, is_item = found["users"].to_numpy(), found[ITEM].is_valid().to_numpy()
    idf = np.log(users[~is_item].sum() / users[is_item].clip(min=1))
    ids = found[ITEM].filter(pa.array(is_item)).combine_chunks()
    return _Idf(ids.filter(pa.array(idf > 0)), idf[idf > 0])


_TASTES = f"{ITEM} string, {NEIGHBOUR} string, {WEIGHT} double, {SIMILARITY} double"


def _tastes(idf: _Idf, damping: float) -> Step:
    """Packed histories -> rows [item_id, neighbour_id, weight, similarity], neighbours users."""

    def task(batches: Batches) -> Batches:
        for _, table in tables(batches):
            some = Histories.of(table)
            taste = some.weights * 2.0**-WEIGHT_BITS * idf.of(some)
            owners = some.owners()
            # bincount adds in the order of entries, which is that of ids.
            squares = np.bincount(owners, taste**2, minlength=len(some.users))
            kept = np.flatnonzero(taste)
            mine = owners[kept]
            yield pa.RecordBatch.from_arrays(
                [
                    some.ids.take(pa.array(some.items[kept])),
                    some.users.take(pa.array(mine)),
                    pa.array(taste[kept]),
                    pa.array(taste[kept] / np.sqrt(squares[mine] + damping)),
                ],
                [ITEM, NEIGHBOUR, WEIGHT, SIMILARITY],
            )

    return task


def _each(change: Callable[[Histories], Histories]) -> Step:
    """Packed histories -> packed histories of the same users, in the same parts."""

    def task(batches: Batches) -> Batches:
        for part, table in tables(batches):
            yield packed(part, change(Histories.of(table)).table())

    return task


def _weighed(some: Histories, idf: _Idf) -> Histories:
    """With w * idf for weights."""
    return replace(some, weights=np.rint(some.weights * idf.of(some)).astype(np.int64))


def _themselves(some: Histories) -> Histories:
    """Each user with themselves for an only item."""
    count = len(some.users)
    return Histories(
        some.users,
        some.users,
        np.arange(count + 1, dtype=np.int64),
        np.arange(count, dtype=np.int32),
        np.full(count, np.int64(1) << WEIGHT_BITS),
    )
