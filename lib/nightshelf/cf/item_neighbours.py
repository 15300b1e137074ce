"""The neighbours of every item, exact, distributed by one of three plans.

Whatever grows with the users stays on the executors; the driver and every task hold the catalogue,
about 100 bytes an item. See `plan` for what each plan moves and holds.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import DataFrame

from nightshelf.cf.catalogue import measured
from nightshelf.cf.ease import Ease, with_ease
from nightshelf.cf.kernel import block_neighbours
from nightshelf.cf.packed import SCHEMA, Batches, exchange, gathered, packed, tables
from nightshelf.cf.partial import merged_neighbours, partial_rows
from nightshelf.cf.plan import Limits, Plan, chosen
from nightshelf.cf.product import FOUND, Product, joined, named, route
from nightshelf.cf.similarities import Similarity, components, needs_totals
from nightshelf.placement import part_keys
from nightshelf.sending import send


def neighbours(
    histories: DataFrame,
    *,
    similarity: Similarity,
    k: int,
    shrinkage: float,
    min_co_users: int,
    limits: Limits,
    ease: Ease | None = None,
) -> DataFrame:
    """Packed histories -> [item_id, rank, neighbour_id, similarity, co_users].

    Up to k neighbours an item, rank from 1 by similarity, ties by neighbour_id. The similarity (see
    `similarities`) is multiplied by c / (c + shrinkage) for c co-users and has 40 significant bits;
    pairs of items with fewer than `min_co_users` are left out. Exact for components that are whole
    or share a power of two as denominator; for others within 2**-30 times the root of the item's
    users. The same to the last bit whatever the order of the input and the plan.

    "ease" is that of the catalogue's head (see `ease`) and, beyond it, cosine.

    Each partition holds a range of item_id, one behind the other, but not by "ease".

    Measures the histories at once, so they should be persisted: they are read two or three times.
    """
    base: Similarity = "cosine" if similarity == "ease" else similarity
    plain = (
        measured(histories, partial(components, "cosine", plain=None))
        if needs_totals(base)
        else None
    )
    catalogue = measured(histories, partial(components, base, plain=plain))
    plan = chosen(catalogue, limits)
    product = Product(base, plain, catalogue, plan, k, shrinkage, min_co_users)
    context = histories.sparkSession.sparkContext
    found = _PLANS[plan.name](histories, send(context, product), plan)
    if similarity != "ease":
        return found
    wanted = ease or Ease()
    head = send(context, replace(product, head=min(wanted.items, len(catalogue))))
    return with_ease(found, _sums(histories, head, plan), head, wanted)


def _by_broadcast(histories: DataFrame, product: Broadcast[Product], plan: Plan) -> DataFrame:
    spark = histories.sparkSession
    one = replace(plan, blocks=1, block=np.zeros_like(plan.block))
    whole = histories.mapInArrow(route(product, one, [0]), SCHEMA).toArrow()
    matrix = send(spark.sparkContext, whole)

    def task(batches: Batches) -> Batches:
        for batch in batches:
            for block in batch.column("id").to_pylist() if len(matrix.value) else ():
                yield _found(
                    product.value, block, [t for _, t in tables(matrix.value.to_batches())]
                )

    return spark.range(0, plan.blocks, 1, plan.blocks).mapInArrow(task, FOUND)


def _by_replication(histories: DataFrame, product: Broadcast[Product], plan: Plan) -> DataFrame:
    keys = part_keys(plan.blocks)
    sent = histories.mapInArrow(route(product, plan, keys), SCHEMA)

    def task(batches: Batches) -> Batches:
        key, held = gathered(batches)
        if held:
            yield _found(product.value, keys.index(key), held)

    return exchange(sent, plan.blocks).mapInArrow(task, FOUND)


def _by_grid(histories: DataFrame, product: Broadcast[Product], plan: Plan) -> DataFrame:
    keys = part_keys(plan.blocks)

    def merge(batches: Batches) -> Batches:
        key, held = gathered(batches)
        if held:
            targets = product.value.plan.targets(keys.index(key))
            rows = pa.concat_tables(held)
            held.clear()
            yield named(product.value, merged_neighbours(rows, targets, product.value.scoring()))

    partials = _sums(histories, product, plan)
    return exchange(partials, plan.blocks).mapInArrow(merge, FOUND)


def _sums(histories: DataFrame, product: Broadcast[Product], plan: Plan) -> DataFrame:
    """Packed rows of sums (see `partial`), a part a block; of the product's head alone, if any."""
    cells = part_keys(plan.slices * plan.blocks)
    keys = part_keys(plan.blocks)
    sent = histories.mapInArrow(route(product, plan, cells), SCHEMA)

    def add(batches: Batches) -> Batches:
        key, held = gathered(batches)
        if held:
            block = cells.index(key) % plan.blocks
            size = product.value.head or len(product.value.catalogue)
            targets = product.value.plan.targets(block)
            for part in partial_rows(joined(held), targets[targets < size], size):
                yield packed(keys[block], part)

    return exchange(sent, len(cells)).mapInArrow(add, SCHEMA)


_PLANS = {"broadcast": _by_broadcast, "replicate": _by_replication, "grid": _by_grid}


def _found(product: Product, block: int, held: list[pa.Table]) -> pa.RecordBatch:
    targets = product.plan.targets(block)
    return named(product, block_neighbours(joined(held), targets, product.scoring()))
