"""The items of a night as numbers: labels, and what was measured of each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.cf.coding import places
from nightshelf.cf.histories import Histories
from nightshelf.cf.packed import Batches, Step, tables
from nightshelf.columns import ITEM
from nightshelf.compiled import CACHED

UNIT_BITS = 30
_SQUARE_BITS = 30
_LOW_BITS = 20
"""Weights are summed in two halves: the sum of a bestseller's has more than 63 bits."""

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
T = TypeVar("T", bound=np.generic)
Components = Callable[[Histories], Floats]


@dataclass(frozen=True)
class Catalogue:
    """I items, labelled by descending cost: label 0 takes part in most updates.

    ids (I,) strings; tie (I,) the place of each id in the order of ids. Of each item: users (I,);
    cost (I,) the summed lengths of its users' histories; weight (I,) the summed weights of its
    pairs, in multiples of 2**-WEIGHT_BITS; scale (I,) a power of two that makes the item's vector
    just shorter than 2**UNIT_BITS; length (I,) of the vector so scaled; component (I,) the largest
    of its components. `even` where all components of an item are equal, as they are where every
    pair weighs 1.
    """

    ids: pa.Array
    tie: Ints
    users: Longs
    cost: Longs
    weight: Floats
    scale: Floats
    length: Floats
    component: Floats
    even: bool

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def pairs(self) -> int:
        """Pairs of a user and an item."""
        return int(self.users.sum())

    def labels(self, ids: pa.Array) -> Ints:
        """(len(ids),): the label of each id; -1 where the catalogue hasn't got it."""
        return places(ids, self.ids)


def measured(histories: DataFrame, components: Components) -> Catalogue:
    """Measures packed histories, at once: one row an item comes to the driver.

    Lengths are summed apart for each power of two of a component, as integers: the same whatever
    the order, and an item that was last wanted a year ago keeps its precision.
    """
    parts = histories.mapInArrow(
        _measure(components),
        f"{ITEM} string, exponent int, squares bigint, users bigint, cost bigint, "
        "weight_high bigint, weight_low bigint, low double, high double",
    )
    names = ("squares", "users", "cost", "weight_high", "weight_low")
    sums = [F.sum(name).alias(name) for name in names]
    found = (
        parts.groupBy(ITEM, "exponent")
        .agg(*sums, F.min("low").alias("low"), F.max("high").alias("high"))
        .toArrow()
        .sort_by([(ITEM, "ascending"), ("exponent", "ascending")])
        .combine_chunks()
    )
    return _catalogue(found)


def _measure(components: Components) -> Step:
    def task(batches: Batches) -> Batches:
        for _, table in tables(batches):
            some = Histories.of(table)
            if len(some.items):
                values = components(some)
                mantissas, exponents = np.frexp(values)
                item, *columns = _sums(
                    some.indptr,
                    some.items,
                    values,
                    np.rint(np.ldexp(mantissas**2, _SQUARE_BITS)).astype(np.int64),
                    exponents,
                    some.weights,
                    len(some.ids),
                )
                yield pa.RecordBatch.from_arrays(
                    [some.ids.take(pa.array(item)), *map(pa.array, columns)],
                    [
                        *(ITEM, "exponent", "squares", "users", "cost"),
                        *("weight_high", "weight_low", "low", "high"),
                    ],
                )

    return task


@njit(cache=CACHED, nogil=True)
def _sums(
    indptr: Longs,
    items: Ints,
    components: Floats,
    mantissa_squares: Longs,
    exponents: Ints,
    weights: Longs,
    n_items: int,
) -> tuple[Ints, Ints, Longs, Longs, Longs, Longs, Longs, Floats, Floats]:
    """One row an (item, exponent). Users, cost and weight stand in each row for its own entries."""
    first = exponents.min()
    width = exponents.max() - first + 1
    size = n_items * width
    squares, users = np.zeros(size, np.int64), np.zeros(size, np.int64)
    cost = np.zeros(size, np.int64)
    weight_high, weight_low = np.zeros(size, np.int64), np.zeros(size, np.int64)
    low, high = np.full(size, np.inf), np.zeros(size)
    for user in range(len(indptr) - 1):
        length = indptr[user + 1] - indptr[user]
        for q in range(indptr[user], indptr[user + 1]):
            at = items[q] * width + exponents[q] - first
            squares[at] += mantissa_squares[q]
            users[at] += 1
            cost[at] += length
            weight_high[at] += weights[q] >> _LOW_BITS
            weight_low[at] += weights[q] & ((1 << _LOW_BITS) - 1)
            low[at] = min(low[at], components[q])
            high[at] = max(high[at], components[q])
    rows = np.flatnonzero(users)
    return (
        (rows // width).astype(np.int32),
        (rows % width + first).astype(np.int32),
        squares[rows],
        users[rows],
        cost[rows],
        weight_high[rows],
        weight_low[rows],
        low[rows],
        high[rows],
    )


def _catalogue(found: pa.Table) -> Catalogue:
    """From rows [item_id, exponent, …], sorted."""
    ids = found.column(ITEM)
    column = {name: found.column(name).to_numpy() for name in found.column_names if name != ITEM}
    encoded = (ids.combine_chunks() if len(ids) else pa.array([], pa.string())).dictionary_encode()
    starts = np.flatnonzero(np.diff(encoded.indices.to_numpy(), prepend=-1))
    names = ("users", "cost", "weight_high", "weight_low")
    at = {name: _by_item(np.add, column[name], starts) for name in names}
    weight = np.ldexp(at["weight_high"].astype(np.float64), _LOW_BITS) + at["weight_low"]
    low = _by_item(np.minimum, column["low"], starts)
    high = _by_item(np.maximum, column["high"], starts)
    squares = np.ldexp(column["squares"], 2 * column["exponent"] - _SQUARE_BITS)
    length = np.sqrt(_by_item(np.add, squares, starts))
    safe = np.where(length > 0, length, 1.0)
    scale = 2.0 ** (UNIT_BITS - 1 - np.floor(np.log2(safe)))
    order = np.argsort(-at["cost"], kind="stable")
    return Catalogue(
        ids=encoded.dictionary.take(pa.array(order)),
        tie=order.astype(np.int32),
        users=at["users"][order],
        cost=at["cost"][order],
        weight=weight[order],
        scale=scale[order],
        length=(length * scale)[order],
        component=high[order],
        even=bool(np.array_equal(low, high)),
    )


def _by_item(sum_: np.ufunc, values: NDArray[T], starts: Longs) -> NDArray[T]:
    return np.asarray(sum_.reduceat(values, starts)) if len(starts) else values
