"""Columns of maps and lists in Arrow, as arrays of numpy."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightshelf.errors import DataQualityError
from nightshelf.fields import Singles

Longs = NDArray[np.int64]
Floats = NDArray[np.float64]


def slots(column: pa.MapArray, keys: Sequence[str]) -> Longs:
    """(B, K): where each row's value of each key lies in `column.items`; -1 where it has none."""
    found = np.full((len(column), len(keys)), -1, np.int64)
    owner, entry = _entries(column)
    if not len(entry) or not keys:
        return found
    named = column.keys.take(pa.array(entry)).dictionary_encode()
    wanted = pc.fill_null(pc.index_in(named.dictionary, value_set=pa.array(keys)), -1).to_numpy()
    key = wanted[named.indices.to_numpy()]
    is_wanted = key >= 0
    found[owner[is_wanted], key[is_wanted]] = entry[is_wanted]
    return found


def numbers(column: pa.MapArray, keys: Sequence[str]) -> Floats:
    """(B, K): the numbers of a MAP<STRING, DOUBLE>; NaN where there is none."""
    values = np.append(_values(column.items), np.nan)
    return np.asarray(values[slots(column, keys)])


def strings(column: pa.MapArray, keys: Sequence[str]) -> list[pa.Array]:
    """K arrays (B,): the strings of a MAP<STRING, STRING>; null where there is none."""
    at = slots(column, keys)
    return [column.items.take(pa.array(place, mask=place < 0)) for place in at.T]


def vectors(column: pa.MapArray, widths: Sequence[tuple[str, int]]) -> Singles:
    """(B, V): the vectors of a MAP<STRING, ARRAY<FLOAT>>, side by side; 0 where there is none.

    widths: (key, numbers) of each. Raises DataQualityError for a vector of another width.
    """
    at = slots(column, [key for key, _ in widths])
    blocks = [np.zeros((len(column), 0), np.float32)]
    for (key, width), place in zip(widths, at.T, strict=True):
        block = np.zeros((len(column), width), np.float32)
        there = np.flatnonzero(place >= 0)
        told = column.items.take(pa.array(place[there]))
        lengths = pc.fill_null(pc.list_value_length(told), 0).to_numpy()
        if (lengths != width).any():
            raise DataQualityError(
                f"vector '{key}': expected {width} numbers as in other rows, found "
                f"{lengths[lengths != width][0]}; make the vectors again with one model"
            )
        block[there] = _values(told.flatten()).reshape(len(there), width)
        blocks.append(block)
    return np.concatenate(blocks, axis=1)


def spread(column: pa.ListArray, length: int) -> tuple[pa.Array, Longs, Longs]:
    """The first `length` entries of each row's list: (entries, row of each, place of each)."""
    owner, entry = _entries(column)
    starts = np.zeros(len(column), np.int64)
    if len(entry):
        lengths = np.bincount(owner, minlength=len(column))
        starts = np.cumsum(lengths) - lengths
    place = np.arange(len(entry)) - starts[owner]
    is_first = place < length
    kept = column.values.take(pa.array(entry[is_first]))
    return kept, owner[is_first], place[is_first]


def _entries(column: pa.ListArray) -> tuple[Longs, Longs]:
    """(N,), (N,): the row of each entry and its place among the column's values."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    owner = np.repeat(np.arange(len(column)), np.diff(offsets))
    entry = np.arange(offsets[0], offsets[-1])
    kept = there[owner]
    return owner[kept], entry[kept]


def _values(values: pa.Array) -> Floats:
    if values.null_count:
        values = pc.fill_null(values, float("nan"))
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float64)
