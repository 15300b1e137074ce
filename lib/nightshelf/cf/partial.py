"""Partial sums: what some of the users add to the rows of a block, and their merging.

A table has a row a target: [target int, items list<uint>, counts list<int>, sums list<bigint>], the
sums absent where co-users are counted.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from nightshelf.cf.coding import bounds
from nightshelf.cf.kernel import Neighbours, Owners, Rows, Scoring, accumulate, owners_of, top_k
from nightshelf.cf.packed import lists
from nightshelf.compiled import CACHED

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

ENTRIES_A_TABLE = 4_000_000


def partial_rows(rows: Rows, targets: Ints, n_items: int) -> Iterator[pa.Table]:
    """The sums over the users in `rows` for each target, all items that co-occur with it."""
    owners = owners_of(rows, targets, n_items)
    counted = len(rows.units) == 0
    at_once = max(1, ENTRIES_A_TABLE // n_items)
    for start in range(0, len(targets), at_once):
        some = slice(start, min(start + at_once, len(targets)))
        indptr, items, counts, sums = _sums(
            rows, owners, targets, some.start, some.stop, n_items, counted
        )
        columns = {"items": items, "counts": counts} | ({} if counted else {"sums": sums})
        yield pa.table({"target": targets[some], **lists(indptr, columns)})


def merged_neighbours(table: pa.Table, targets: Ints, scoring: Scoring) -> Neighbours:
    """As `kernel.block_neighbours`, from the partial rows of all users."""
    table = table.combine_chunks()
    target = table.column("target").to_numpy()
    column = {name: table.column(name).combine_chunks() for name in table.column_names[1:]}
    rows = Rows(
        column["items"].offsets.to_numpy().astype(np.uint64),
        column["items"].flatten().to_numpy(),
        np.empty(0, np.int32),
        column["counts"].flatten().to_numpy(),
        column["sums"].flatten().to_numpy() if "sums" in column else np.empty(0, np.int64),
    )
    place = np.empty(len(scoring.factors), np.int64)
    place[targets] = np.arange(len(targets))
    places = place[target]
    order = np.argsort(places, kind="stable").astype(np.uint32)
    owners = Owners(bounds(places, len(targets)).astype(np.uint64), order, np.empty(0, np.int32))
    return top_k(rows, owners, targets, scoring, "sums" not in column)


@njit(cache=CACHED, nogil=True)
def _sums(
    rows: Rows, owners: Owners, targets: Ints, start: int, end: int, n_items: int, counted: bool
) -> tuple[Ints, NDArray[np.uint32], Ints, Longs]:
    counts, sums = np.zeros(n_items, np.int32), np.zeros(0 if counted else n_items, np.int64)
    size = (end - start) * n_items
    indptr = np.zeros(end - start + 1, np.int32)
    out_item, out_count = np.empty(size, np.uint32), np.empty(size, np.int32)
    out_sum = np.empty(0 if counted else size, np.int64)
    filled = 0
    for t in range(start, end):
        accumulate(rows, owners, t, counts, sums)
        counts[targets[t]] = 0
        for item in range(n_items):
            if counts[item]:
                out_item[filled], out_count[filled] = item, counts[item]
                if not counted:
                    out_sum[filled] = sums[item]
                filled += 1
        indptr[t - start + 1] = filled
        counts[:] = 0
        sums[:] = 0
    return indptr, out_item[:filled], out_count[:filled], out_sum[:filled]
