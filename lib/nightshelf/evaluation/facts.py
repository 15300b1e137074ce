"""What metrics beyond hits need to know of the items."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import CATEGORY, ITEM, PRICE

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Facts:
    """I items, one more row for those that are not known.

    ids (I,) strings. Of each, I + 1 values: category, a code, -1 where there is none; price, NaN
    where there is none; popularity, the place by users who wanted it, from 1; information, the bits
    that it tells of a user to have wanted it: -log2 of the share of users who did.
    """

    ids: pa.Array
    category: Ints
    price: Floats
    popularity: Ints
    information: Floats

    def places(self, items: pa.Array) -> NDArray[np.int64]:
        """(len(items),): where each item stands; the last place for one that is not known."""
        found = pc.fill_null(pc.index_in(items, value_set=self.ids), len(self.ids))
        return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)


NO_FACTS: Final = Facts(
    pa.array([], pa.string()),
    np.full(1, -1, np.int32),
    np.full(1, np.nan),
    np.ones(1, np.int32),
    np.zeros(1),
)
"""Where nothing is known of any item."""


def facts_of(items: DataFrame, wanted: DataFrame) -> Facts:
    """Facts of [item_id, category, price], one row an item, by [user_id, item_id] wanted before.

    Runs at once: a row an item comes to the driver. An item that nobody wanted counts as if half a
    user had.
    """
    counts = wanted.groupBy(ITEM).agg(F.count_distinct("user_id").alias("users"))
    users = wanted.select("user_id").distinct().count()
    rows = items.select(ITEM, CATEGORY, PRICE).join(counts, ITEM, "left").toArrow().sort_by(ITEM)
    ids, category, price, counted = (column.combine_chunks() for column in rows.columns)
    found = np.asarray(pc.fill_null(counted, 0).to_numpy(zero_copy_only=False), np.int64)
    codes = pc.fill_null(category.dictionary_encode().indices, -1)
    prices = np.asarray(price.to_numpy(zero_copy_only=False), np.float64)
    place = np.empty(len(found), np.int32)
    place[np.lexsort((np.arange(len(found)), -found))] = np.arange(1, len(found) + 1)
    bits = -np.log2(np.maximum(found, 0.5) / max(users, 1))
    most = -np.log2(0.5 / max(users, 1))
    return Facts(
        ids,
        np.append(codes.to_numpy(zero_copy_only=False), -1).astype(np.int32),
        np.append(np.where(prices > 0, prices, np.nan), np.nan),
        np.append(place, len(found) + 1).astype(np.int32),
        np.append(bits, most),
    )
