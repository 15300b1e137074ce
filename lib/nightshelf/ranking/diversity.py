"""Lists that do not say the same thing twenty times: Maximal Marginal Relevance.

Carbonell and Goldstein, "The use of MMR, diversity-based reranking for reordering documents and
producing summaries", SIGIR 1998. A list is filled one item at a time by the highest

    trade_off * relevance - (1 - trade_off) * similarity

where relevance is the item's score over the best score of the user's candidates (0 where that is
0), and similarity is the largest one to an item already on the list (0 for the first).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, StructField, StructType

from nightshelf.columns import BRAND, CATEGORY, ITEM, RANK, SCORE, USER, Transform
from nightshelf.compiled import CACHED
from nightshelf.ranking.lists import top_k

SAME_CATEGORY: Final = 0.7
SAME_BRAND: Final = 0.3
"""Two items' similarity is the sum of what they share: 1 for both, 0 for neither.

The category is the whole path, down to its leaf. What is unknown is like nothing else.
"""

UNKNOWN: Final = 0

_CATEGORY, _BRAND, _LEAST = "_category", "_brand", "_least"

Longs = NDArray[np.int64]
Doubles = NDArray[np.float64]


def diversified(k: int, trade_off: float, items: DataFrame) -> Transform:
    """[user_id, item_id, score, …] -> at most k rows a user, with `rank` from 1; columns are kept.

    One row a (user, item); scores of 0 or more, without NaN. items [item_id, category, brand], each
    item once; one that is not there is like none. `trade_off` 1 ranks by score alone, as `top_k`
    does; 0, after the first, by difference alone. Ties go to the higher score, then to the smaller
    id.

    Moved: each row once, to the task of its user (not at all where the frame lies by user already),
    where they are sorted; held: one user's rows and one Arrow batch. A user of n rows costs n times
    k steps.
    """
    if trade_off == 1.0:
        return top_k(k)
    traits = items.select(ITEM, _number(CATEGORY).alias(_CATEGORY), _number(BRAND).alias(_BRAND))
    unknown = {name: F.coalesce(name, F.lit(UNKNOWN)) for name in (_CATEGORY, _BRAND)}

    def transform(scored: DataFrame) -> DataFrame:
        kept = [field for field in scored.schema if field.name != RANK]
        schema = StructType([*kept, StructField(RANK, IntegerType())])
        return (
            scored.join(F.broadcast(traits), ITEM, "left")
            .withColumns(unknown)
            .transform(_within_reach(k, trade_off))
            .select(*(field.name for field in kept), _CATEGORY, _BRAND)
            .sortWithinPartitions(USER, F.desc(SCORE), ITEM)  # as the windows leave them
            .mapInArrow(_task(k, trade_off), schema)
        )

    return transform


def _within_reach(k: int, trade_off: float) -> Transform:
    """Leaves out the rows that no list takes, whatever they are like; a user's lie together.

    Until a list is full, one of its user's k best scores is still to be had, and worth at least
    trade_off * its relevance - (1 - trade_off). The 1e-9 is for rounding.
    """

    def transform(scored: DataFrame) -> DataFrame:
        user = (
            Window.partitionBy(USER)
            .orderBy(F.desc(SCORE), F.asc(ITEM))
            .rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
        )
        lost = F.first(SCORE).over(user) * (1 - trade_off + 1e-9)
        least = F.nth_value(SCORE, k).over(user) * trade_off - lost
        return scored.withColumn(_LEAST, least).where(
            F.col(_LEAST).isNull() | (F.col(SCORE) * trade_off >= F.col(_LEAST))
        )

    return transform


def _number(name: str) -> Column:
    """BIGINT that stands for a name: its hash, null for none."""
    return F.when(F.col(name).isNotNull(), F.xxhash64(name))


def _task(
    k: int, trade_off: float
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for users in whole_users(batches):
            yield from _ranked(users, k, trade_off).to_batches()

    return task


def whole_users(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows, those of a user adjacent, in tables that cut no user in two."""
    held: list[pa.RecordBatch] = []  # of the last user so far
    for batch in batches:
        if not batch.num_rows:
            continue
        cut = int(_starts(batch.column(USER))[-1])
        if cut:
            yield pa.Table.from_batches([*held, batch.slice(0, cut)])
            held = []
        elif held and held[-1].column(USER)[0] != batch.column(USER)[0]:
            yield pa.Table.from_batches(held)
            held = []
        held.append(batch.slice(cut))
    if held:
        yield pa.Table.from_batches(held)


def _starts(users: pa.Array) -> Longs:
    """Where each user's rows begin."""
    changes = pc.not_equal(users.slice(1), users.slice(0, len(users) - 1))
    found = np.flatnonzero(changes.to_numpy(zero_copy_only=False)) + 1
    return np.concatenate([np.zeros(1, np.int64), found])


def _ranked(users: pa.Table, k: int, trade_off: float) -> pa.Table:
    users = users.combine_chunks()
    bounds = np.append(_starts(users[USER].chunk(0)), len(users))
    scores, categories, brands = (users[name].to_numpy() for name in (SCORE, _CATEGORY, _BRAND))
    places, ranks = mmr(bounds, scores, categories, brands, k, trade_off)
    kept = users.drop([_CATEGORY, _BRAND]).take(pa.array(places))
    return kept.append_column(RANK, pa.array(ranks))


@njit(cache=CACHED, nogil=True)
def mmr(
    bounds: Longs, scores: Doubles, categories: Longs, brands: Longs, k: int, trade_off: float
) -> Any:
    """places, ranks: the rows that each user's list takes, in its order, and their ranks from 1.

    bounds (U + 1,): user u has the rows `bounds[u]` to `bounds[u + 1]`, sorted by falling score and
    then by id. scores, categories, brands (N,); `UNKNOWN` stands for no category or brand.
    """
    lengths = np.minimum(bounds[1:] - bounds[:-1], k)
    places, ranks = np.empty(lengths.sum(), np.int64), np.empty(lengths.sum(), np.int32)
    likeness = np.zeros(len(scores))  # to the chosen item that is most similar
    filled = 0
    for user in range(len(lengths)):
        first, last = bounds[user], bounds[user + 1]
        best = scores[first] if scores[first] > 0.0 else 1.0
        category = brand = np.int64(UNKNOWN)  # of the item chosen last
        for rank in range(1, lengths[user] + 1):
            chosen, highest = first, -np.inf
            for row in range(first, last):
                shared = 0.0
                if category != UNKNOWN and categories[row] == category:
                    shared += SAME_CATEGORY
                if brand != UNKNOWN and brands[row] == brand:
                    shared += SAME_BRAND
                likeness[row] = max(likeness[row], shared)
                value = trade_off * (scores[row] / best) - (1.0 - trade_off) * likeness[row]
                if value > highest:
                    chosen, highest = row, value
            places[filled], ranks[filled] = chosen, rank
            filled += 1
            category, brand = categories[chosen], brands[chosen]
            likeness[chosen] = np.inf  # never again
    return places, ranks
