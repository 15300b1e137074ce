"""What the tasks of a product of histories share: labels, routes, rows for the kernel, names."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark import Broadcast

from nightshelf.cf.catalogue import Catalogue
from nightshelf.cf.coding import offsets
from nightshelf.cf.histories import Histories
from nightshelf.cf.kernel import Labels, Neighbours, Rows, Scoring, label_type
from nightshelf.cf.kernel import histories as rows_of
from nightshelf.cf.packed import Batches, Step, lists, packed, tables
from nightshelf.cf.plan import Plan
from nightshelf.cf.routing import routed
from nightshelf.cf.similarities import Similarity, components, factors
from nightshelf.columns import CO_USERS, ITEM, NEIGHBOUR, RANK, SIMILARITY

FOUND = f"{ITEM} string, {RANK} int, {NEIGHBOUR} string, {SIMILARITY} double, {CO_USERS} bigint"

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Product:
    """All that a task has to know. `head`: only so many labels take part; None: all."""

    similarity: Similarity
    plain: Catalogue | None
    catalogue: Catalogue
    plan: Plan
    k: int
    shrinkage: float
    min_co_users: int
    head: int | None = None

    def scoring(self) -> Scoring:
        """How the kernel makes similarities of sums."""
        return Scoring(
            factors=factors(self.similarity, self.catalogue),
            users=self.catalogue.users,
            ties=self.catalogue.tie,
            k=self.k,
            shrinkage=self.shrinkage,
            min_co_users=self.min_co_users,
            jaccard=self.similarity == "jaccard",
        )

    def labelled(self, table: pa.Table) -> tuple[Longs, Labels, Ints | None]:
        """indptr, labels and units of packed histories, without users of a single item."""
        some = Histories.of(table)
        entries = self.catalogue.labels(some.ids)[some.items]
        owners = some.owners()
        kept = entries < (len(self.catalogue) if self.head is None else self.head)
        lengths = np.bincount(owners[kept], minlength=len(some.users))
        kept &= lengths[owners] > 1
        indptr = offsets(lengths[lengths > 1])
        items = entries[kept].astype(label_type(len(self.catalogue)))
        if self.catalogue.even:
            return indptr, items, None
        values = components(self.similarity, some, self.plain)[kept]
        return indptr, items, np.rint(values * self.catalogue.scale[items]).astype(np.int32)


def route(product: Broadcast[Product], plan: Plan, keys: list[int]) -> Step:
    """Packed histories -> packed [items, units], each history once for every block it touches.

    `keys` are those of the blocks for the first slice of users, then for the second, and so on.
    """

    def task(batches: Batches) -> Batches:
        for _, table in tables(batches):
            indptr, items, units = product.value.labelled(table)
            for cell, key in enumerate(keys):
                slice_, block = divmod(cell, plan.blocks)
                bounds, entries = routed(indptr, items, plan.block, block, slice_, plan.slices)
                if len(entries):
                    columns = {"items": items} | ({} if units is None else {"units": units})
                    yield packed(
                        key, pa.table(lists(bounds, {n: c[entries] for n, c in columns.items()}))
                    )

    return task


def joined(held: list[pa.Table]) -> Rows:
    """The kernel's rows from tables of [items, units]."""
    columns = [[chunk for table in held for chunk in table[n].chunks] for n in held[0].column_names]
    items, *units = ([chunk.flatten().to_numpy() for chunk in chunks] for chunks in columns)
    lengths = np.concatenate([np.diff(chunk.offsets.to_numpy()) for chunk in columns[0]])
    held.clear()
    return rows_of(
        offsets(lengths), np.concatenate(items), np.concatenate(units[0]) if units else None
    )


def named(product: Product, found: Neighbours) -> pa.RecordBatch:
    """Rows [item_id, rank, neighbour_id, similarity, co_users] of labelled neighbours."""
    target, rank, neighbour, similarity, co_users = found
    ids = product.catalogue.ids
    return pa.RecordBatch.from_arrays(
        [
            ids.take(pa.array(target)),
            pa.array(rank),
            ids.take(pa.array(neighbour)),
            pa.array(similarity),
            pa.array(co_users),
        ],
        [ITEM, RANK, NEIGHBOUR, SIMILARITY, CO_USERS],
    )
