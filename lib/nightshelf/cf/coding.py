"""Strings as codes, and codes grouped: the idioms of dictionaries and CSR offsets."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


def encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """The column as one dictionary array; null becomes the index -1, which is in no dictionary."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # without a row there is no chunk to combine
        whole = pa.array([], column.type)
    if not pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_encode()
    return pa.DictionaryArray.from_arrays(
        pc.fill_null(whole.indices, -1), whole.dictionary, safe=False
    )


def by_id(coded: pa.DictionaryArray) -> tuple[pa.Array, Ints]:
    """The dictionary sorted by bytes, as Spark sorts strings, and each row's place in it."""
    order = pc.sort_indices(coded.dictionary).to_numpy()
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return coded.dictionary.take(pa.array(order)), place[coded.indices.to_numpy()]


def compact(dictionary: pa.Array, codes: Ints) -> pa.DictionaryArray:
    """Coded strings with only those that occur in the dictionary."""
    used = np.zeros(len(dictionary), np.bool_)
    used[codes] = True
    place = np.cumsum(used, dtype=np.int32) - 1
    return pa.DictionaryArray.from_arrays(place[codes], dictionary.filter(pa.array(used)))


def places(values: pa.Array, known: pa.Array) -> Ints:
    """(len(values),): the place of each among the known ones, -1 for others."""
    found = pc.fill_null(pc.index_in(values, value_set=known), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int32)


def offsets(lengths: NDArray[Any]) -> Longs:
    """(R + 1,): where each of R rows of these lengths begins, and the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def bounds(codes: NDArray[Any], size: int) -> Longs:
    """(size + 1,): where each code begins when codes from 0 to size - 1 are sorted."""
    return offsets(np.bincount(codes, minlength=size))
