"""The neighbours of every item, exact, distributed by one of three plans.

Whatever grows with the users stays on the executors; the driver and every task hold the catalogue,
about 100 bytes an item. See `plan` for what each plan moves and holds.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark import Broadcast
from pyspark.sql import DataFrame

from nightshelf.cf.catalogue import Catalogue, measured
from nightshelf.cf.histories import Histories
from nightshelf.cf.kernel import Labels, Neighbours, Rows, Scoring, block_neighbours, label_type
from nightshelf.cf.kernel import histories as rows_of
from nightshelf.cf.packed import (
    SCHEMA,
    Batches,
    Step,
    exchange,
    gathered,
    lists,
    packed,
    part_keys,
    tables,
)
from nightshelf.cf.partial import merged_neighbours, partial_rows
from nightshelf.cf.plan import Limits, Plan, chosen
from nightshelf.cf.routing import routed
from nightshelf.cf.similarities import Similarity, components, factors, needs_totals
from nightshelf.columns import CO_USERS, ITEM, NEIGHBOUR, RANK, SIMILARITY

_FOUND = f"{ITEM} string, {RANK} int, {NEIGHBOUR} string, {SIMILARITY} double, {CO_USERS} bigint"

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


@dataclass(frozen=True)
class _Product:
    """All that a task has to know."""

    similarity: Similarity
    plain: Catalogue | None
    catalogue: Catalogue
    plan: Plan
    k: int
    shrinkage: float
    min_co_users: int

    def scoring(self) -> Scoring:
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
        labels = self.catalogue.labels(some.ids)
        lengths = np.diff(some.indptr)
        useful = lengths > 1
        kept = np.repeat(useful, lengths)
        indptr = np.concatenate([[0], np.cumsum(lengths[useful])])
        entries = labels[some.items].astype(label_type(len(self.catalogue)))
        if self.catalogue.even:
            return indptr, entries[kept], None
        values = components(self.similarity, some, self.plain)
        units = np.rint(values * self.catalogue.scale[entries]).astype(np.int32)
        return indptr, entries[kept], units[kept]


def neighbours(
    histories: DataFrame,
    *,
    similarity: Similarity,
    k: int,
    shrinkage: float,
    min_co_users: int,
    limits: Limits,
) -> DataFrame:
    """Packed histories -> [item_id, rank, neighbour_id, similarity, co_users].

    Up to k neighbours an item, rank from 1 by similarity, ties by neighbour_id. The similarity (see
    `similarities`) is multiplied by c / (c + shrinkage) for c co-users and has 40 significant bits;
    pairs of items with fewer than `min_co_users` are left out. Exact for components that are whole
    or share a power of two as denominator; for others within 2**-30 times the root of the item's
    users. The same to the last bit whatever the order of the input and the plan.

    Measures the histories at once, so they should be persisted: they are read two or three times.
    """
    plain = (
        measured(histories, partial(components, "cosine", plain=None))
        if needs_totals(similarity)
        else None
    )
    catalogue = measured(histories, partial(components, similarity, plain=plain))
    plan = chosen(catalogue, limits)
    product = histories.sparkSession.sparkContext.broadcast(
        _Product(similarity, plain, catalogue, plan, k, shrinkage, min_co_users)
    )
    return _PLANS[plan.name](histories, product, plan)


def _by_broadcast(histories: DataFrame, product: Broadcast[_Product], plan: Plan) -> DataFrame:
    spark = histories.sparkSession
    one = replace(plan, blocks=1, block=np.zeros_like(plan.block))
    whole = histories.mapInArrow(_route(product, one, [0]), SCHEMA).toArrow()
    matrix = spark.sparkContext.broadcast(whole)

    def task(batches: Batches) -> Batches:
        for batch in batches:
            for block in batch.column("id").to_pylist() if len(matrix.value) else ():
                yield _found(
                    product.value, block, [t for _, t in tables(matrix.value.to_batches())]
                )

    return spark.range(0, plan.blocks, 1, plan.blocks).mapInArrow(task, _FOUND)


def _by_replication(histories: DataFrame, product: Broadcast[_Product], plan: Plan) -> DataFrame:
    keys = part_keys(plan.blocks)
    sent = histories.mapInArrow(_route(product, plan, keys), SCHEMA)

    def task(batches: Batches) -> Batches:
        key, held = gathered(batches)
        if held:
            yield _found(product.value, keys.index(key), held)

    return exchange(sent, plan.blocks).mapInArrow(task, _FOUND)


def _by_grid(histories: DataFrame, product: Broadcast[_Product], plan: Plan) -> DataFrame:
    cells = part_keys(plan.slices * plan.blocks)
    keys = part_keys(plan.blocks)
    sent = histories.mapInArrow(_route(product, plan, cells), SCHEMA)

    def add(batches: Batches) -> Batches:
        key, held = gathered(batches)
        if held:
            block = cells.index(key) % plan.blocks
            rows, n_items = _joined(held), len(product.value.catalogue)
            for part in partial_rows(rows, product.value.plan.targets(block), n_items):
                yield packed(keys[block], part)

    def merge(batches: Batches) -> Batches:
        key, held = gathered(batches)
        if held:
            targets = product.value.plan.targets(keys.index(key))
            rows = pa.concat_tables(held)
            held.clear()
            yield _named(product.value, merged_neighbours(rows, targets, product.value.scoring()))

    partials = exchange(sent, len(cells)).mapInArrow(add, SCHEMA)
    return exchange(partials, plan.blocks).mapInArrow(merge, _FOUND)


_PLANS = {"broadcast": _by_broadcast, "replicate": _by_replication, "grid": _by_grid}


def _route(product: Broadcast[_Product], plan: Plan, keys: list[int]) -> Step:
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


def _joined(held: list[pa.Table]) -> Rows:
    """The kernel's rows from tables of [items, units]."""
    columns = [[chunk for table in held for chunk in table[n].chunks] for n in held[0].column_names]
    items, *units = ([chunk.flatten().to_numpy() for chunk in chunks] for chunks in columns)
    lengths = np.concatenate([np.diff(chunk.offsets.to_numpy()) for chunk in columns[0]])
    indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    held.clear()
    return rows_of(indptr, np.concatenate(items), np.concatenate(units[0]) if units else None)


def _found(product: _Product, block: int, held: list[pa.Table]) -> pa.RecordBatch:
    targets = product.plan.targets(block)
    return _named(product, block_neighbours(_joined(held), targets, product.scoring()))


def _named(product: _Product, found: Neighbours) -> pa.RecordBatch:
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
