"""Means and standard deviations that do not depend on the order of the rows."""

import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import sqrt

import numpy as np
import pyarrow as pa

from nightshelf.fields import Singles

MOMENTS = "moments string"
BITS = 16
LARGEST = 65_535.0

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def summed(blocks: Iterable[Singles]) -> Iterator[pa.RecordBatch]:
    """One row of JSON: for each of N columns of the blocks (B, N) its count, sum and squares.

    Known values are rounded to multiples of 2**-BITS, those beyond LARGEST count as that.
    """
    totals: list[list[int]] = []
    for block in blocks:
        known = ~np.isnan(block)
        value = np.where(known, block, 0.0).astype(np.float64).clip(-LARGEST, LARGEST)
        units = np.rint(value * float(1 << BITS)).astype(np.int64)
        squares = np.abs(units).astype(np.uint64) ** np.uint64(2)
        high, low = (squares >> _HALF).sum(axis=0), (squares & _LOW).sum(axis=0)
        told = [
            known.sum(axis=0).tolist(),
            units.sum(axis=0).tolist(),
            [(a << 32) + b for a, b in zip(high.tolist(), low.tolist(), strict=True)],
        ]
        totals = _added(totals, told)
    if totals:
        yield pa.RecordBatch.from_arrays([pa.array([json.dumps(totals)])], ["moments"])


def measured(rows: Iterable[str], columns: Iterable[str]) -> dict[str, tuple[float, float]]:
    """(mean, sd) of each column from the rows of `summed`; columns without a value are left out.

    A column that is the same in every row has sd 1.
    """
    totals: list[list[int]] = []
    for row in rows:
        totals = _added(totals, json.loads(row))
    found = {}
    for column, count, total, squares in zip(columns, *(totals or [[]] * 3), strict=bool(totals)):
        if count:
            mean = Fraction(total, count << BITS)
            sd = sqrt(Fraction(squares, count << 2 * BITS) - mean**2)
            found[column] = (float(mean), sd or 1.0)
    return found


def _added(some: list[list[int]], more: list[list[int]]) -> list[list[int]]:
    if not some:
        return more
    return [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(some, more, strict=True)]
