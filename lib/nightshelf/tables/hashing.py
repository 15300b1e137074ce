"""64-bit hashes of rows in Arrow, the same in every process."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from nightshelf.compiled import CACHED

Hashes = NDArray[np.uint64]

_PRIME, _BASIS = np.uint64(0x100000001B3), np.uint64(0xCBF29CE484222325)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


def row_hashes(batch: pa.RecordBatch, names: Sequence[str], salt: int) -> Hashes:
    """(N,): a hash of the named columns of each row; another salt, another hash.

    Strings have to be dictionaries; other columns dates, timestamps or integers.
    """
    mixed = np.full(len(batch), salt, np.uint64)
    for name in names:
        mixed = _mixed(mixed ^ _hashed(batch.column(name)))
    return mixed


def _hashed(values: pa.Array) -> Hashes:
    if pa.types.is_dictionary(values.type):
        known = np.append(string_hashes(values.dictionary), np.uint64(0))
        codes = pc.fill_null(values.indices, len(known) - 1).to_numpy()
        return np.asarray(known[codes])
    if pa.types.is_temporal(values.type):
        values = values.cast(pa.int32() if pa.types.is_date32(values.type) else pa.int64())
    numbers = pc.fill_null(values, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    is_null = values.is_null().to_numpy(zero_copy_only=False)
    return np.asarray(_mixed(numbers.view(np.uint64) + _ODD) ^ is_null.astype(np.uint64))


def _mixed(hashes: Hashes) -> Hashes:
    with np.errstate(over="ignore"):
        mixed = (hashes ^ hashes >> _HALF) * _ODD
    return np.asarray(mixed ^ mixed >> _HALF)


def string_hashes(strings: pa.StringArray) -> Hashes:
    """(N,): FNV-1a of each string's bytes (Fowler, Noll and Vo 1991)."""
    _, ends, data = strings.buffers()
    offsets = np.frombuffer(ends, np.int32)[strings.offset : strings.offset + len(strings) + 1]
    text = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return np.asarray(_fnv(offsets, text))


@njit(cache=CACHED, nogil=True)
def _fnv(offsets: NDArray[np.int32], text: NDArray[np.uint8]) -> Hashes:
    hashes = np.empty(max(len(offsets) - 1, 0), np.uint64)
    for n in range(len(hashes)):
        found = _BASIS
        for byte in text[offsets[n] : offsets[n + 1]]:
            found = (found ^ np.uint64(byte)) * _PRIME
        hashes[n] = found
    return hashes
