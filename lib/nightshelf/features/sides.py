"""Rows of gold.user_features and gold.item_features -> arrays of encoded users and items.

A side's row is one value of numpy's structured types `Encoding.user_row` and `Encoding.item_row`,
so that it travels through Spark as one BINARY. Numbers are levelled, but not yet scaled: NaN where
unknown. Names are hashes, 0 for none.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightshelf.columns import (
    BRAND,
    CATEGORIES,
    CATEGORY,
    DS,
    EVENT_TS,
    EVENT_TYPE,
    EVENT_TYPES,
    ITEM,
    LOVED_BRANDS,
    LOVED_CATEGORIES,
    NUMBERS,
    RECENT,
    VECTORS,
)
from nightshelf.features.declared import ITEMS, levelled
from nightshelf.features.encoding import OLDEST_AGE, Encoding
from nightshelf.features.nested import numbers, spread, strings, vectors
from nightshelf.fields import Ints, Singles
from nightshelf.tables.hashing import string_hashes

Side = NDArray[Any]
"""(B,) of a structured type."""

_DAY_US: Final = 86_400_000_000
_PRICE_LEVEL, _PRICE = "price_level", "price_log"


def encoded_users(encoding: Encoding, rows: pa.RecordBatch) -> Side:
    """(B,) of `user_row`, from B rows of gold.user_features; ds is the day as of which they are."""
    found = np.zeros(len(rows), encoding.user_row)
    found["ids"] = _ids(encoding, "user", rows.column(CATEGORIES))
    found["numbers"], found["price"] = _numbers(encoding, "user", rows, _PRICE_LEVEL)
    for column, name in ((LOVED_CATEGORIES, "categories"), (LOVED_BRANDS, "brands")):
        loved, row, place = spread(rows.column(column), encoding.favourites)
        found[name][row, place] = string_hashes(loved.field("name"))
        found[f"{name}_shares"][row, place] = loved.field("share").to_numpy(zero_copy_only=False)
    _put_recent(encoding, rows, found)
    return found


def encoded_items(encoding: Encoding, rows: pa.RecordBatch) -> Side:
    """(B,) of `item_row`, from B rows of gold.item_features."""
    found = np.zeros(len(rows), encoding.item_row)
    found["ids"] = _ids(encoding, "item", rows.column(CATEGORIES))
    found["numbers"], found["price"] = _numbers(encoding, "item", rows, _PRICE)
    widths = [(vector.key, vector.width) for vector in encoding.inputs.vectors]
    found["vectors"] = vectors(rows.column(VECTORS), widths)
    category, brand = strings(rows.column(CATEGORIES), (CATEGORY, BRAND))
    found["category"], found["brand"] = _names(category), _names(brand)
    return found


def unknown(kind: "np.dtype[Any]") -> Side:
    """(1,) the row of a user or an item of whom nothing is known."""
    row = np.zeros(1, kind)
    row["numbers"] = row["price"] = np.nan
    return row


def packed(rows: NDArray[Any]) -> pa.Array:
    """(B,) of a structured type as BINARY."""
    ends = np.arange(len(rows) + 1, dtype=np.int32) * rows.itemsize
    data = pa.py_buffer(np.ascontiguousarray(rows).tobytes())
    return pa.Array.from_buffers(pa.binary(), len(rows), [None, pa.py_buffer(ends), data])


def unpacked(column: pa.Array, kind: "np.dtype[Any]", missing: Side | None = None) -> Side:
    """What `packed` made; null becomes the row `missing`."""
    _, ends, data = column.buffers()
    offsets = np.frombuffer(ends, np.int32)[column.offset : column.offset + len(column) + 1]
    there = column.is_valid().to_numpy(zero_copy_only=False)
    found = np.empty(len(column), kind)
    if there.any():
        size = int(offsets[-1] - offsets[0])
        found[there] = np.frombuffer(data, kind, size // kind.itemsize, int(offsets[0]))
    if missing is not None:
        found[~there] = missing
    return found


def _ids(encoding: Encoding, source: str, column: pa.MapArray) -> Ints:
    fields = encoding.columns("categorical", source)
    values = strings(column, [field.name for field in fields])
    found = np.zeros((len(column), len(fields)), np.int32)
    for n, (field, value) in enumerate(zip(fields, values, strict=True)):
        found[:, n] = encoding.vocabularies[field.column].encoded(value, encoding.buckets)
    return found


def _numbers(
    encoding: Encoding, source: str, rows: pa.RecordBatch, price: str
) -> tuple[Singles, Singles]:
    """(B, N) levelled, and (B,) the price that cross features need."""
    names = encoding.names("numeric", source)
    told = numbers(rows.column(NUMBERS), (*names, price) if price not in names else names)
    found = [levelled(name, np.ascontiguousarray(told[:, n])) for n, name in enumerate(names)]
    at = names.index(price) if price in names else len(names)
    made = np.stack(found, axis=1) if found else np.empty((len(told), 0))
    return made.astype(np.float32), told[:, at].astype(np.float32)


def _put_recent(encoding: Encoding, rows: pa.RecordBatch, found: Side) -> None:
    recent, row, place = spread(rows.column(RECENT), encoding.recent)
    items = recent.field(ITEM)
    at = recent.field(EVENT_TS).cast(pa.int64()).to_numpy(zero_copy_only=False)
    as_of = rows.column(DS).cast(pa.int32()).to_numpy(zero_copy_only=False)
    ages = np.maximum(as_of[row] - at // _DAY_US, 0).astype(np.int32)
    found["recent"][row, place] = string_hashes(items)
    found["ages"][row, place] = ages
    if encoding.inputs.history is None:
        return
    length = encoding.inputs.history.length
    types = pc.index_in(recent.field(EVENT_TYPE), value_set=pa.array(EVENT_TYPES))
    parts: Sequence[Ints] = (
        encoding.vocabularies[ITEMS].encoded(items, encoding.buckets),
        pc.fill_null(types, -1).to_numpy(zero_copy_only=False) + 1,
        np.minimum(1 + np.floor(np.log2(1 + ages)), OLDEST_AGE).astype(np.int32),
    )
    for n, part in enumerate(parts):
        found["history"][row, n * length + place] = part


def _names(strings: pa.Array) -> NDArray[np.uint64]:
    there = strings.is_valid().to_numpy(zero_copy_only=False)
    return np.where(there, string_hashes(pc.fill_null(strings, "")), np.uint64(0))
