"""The neighbours of every item: exact cosine of item vectors over users, in blocks on Spark.

The plan replicates histories to item blocks. Items are dealt to blocks so that each gets about the
same number of updates (a target item costs the summed length of its users' histories); each user's
history goes once to every block that holds one of its items, and a block's task runs the kernel
over them. Shuffled: sum over users of length times blocks touched, 8 bytes an entry, and the table
of items once a block. Memory of a task, in the JVM and again in Python: the histories of the users
of its items, at 8 bytes an entry, never more than the whole matrix. More blocks mean fewer users
for each and more shuffled bytes; a block is limited to 2**28 entries. Nothing that grows with the
users is gathered on the driver; the table of items is broadcast.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.cf.kernel import UNIT_BITS, block_neighbours
from nightshelf.cf.placement import keys_by_partition
from nightshelf.columns import CO_USERS, ITEM, NEIGHBOUR, RANK, SIMILARITY, USER, WEIGHT, Transform
from nightshelf.exact import exact_sum

_FOUND = f"{ITEM} string, {RANK} int, {NEIGHBOUR} string, {SIMILARITY} double, {CO_USERS} bigint"


def neighbours(*, k: int, shrinkage: float, min_co_users: int, blocks: int) -> Transform:
    """[user_id, item_id, weight] -> [item_id, rank, neighbour_id, similarity, co_users].

    Pairs are unique and weights positive. Up to k neighbours an item, rank from 1 by similarity,
    ties by neighbour_id. Similarity: the cosine of the two items' weight vectors over users (Sarwar
    et al. 2001), times c / (c + shrinkage) for c co-users, as a multiple of 2**-40; pairs with
    fewer than `min_co_users` are left out. Exact for weights that are whole, or share a power of
    two as denominator; for others within 2**-30 times the root of the item's users. The same to the
    last bit whatever the order of the input or the number of `blocks`, each of which is one task.
    """

    def transform(pairs: DataFrame) -> DataFrame:
        items = _indexed_items(pairs, blocks)
        # As many partitions as blocks, and a block in each: left to its hash, it would share one.
        histories = _histories(pairs, items).transform(_to_blocks).repartition(blocks, "block")
        each_block = F.explode(_block_keys(blocks)).alias("block")
        catalogue = items.select(each_block, "item", ITEM, "length", F.col("block").alias("home"))
        return (
            histories.groupBy("block")
            .cogroup(catalogue.repartition(blocks, "block").groupBy("block"))
            .applyInArrow(_block_task(k, shrinkage, min_co_users), _FOUND)
        )

    return transform


def _block_keys(blocks: int) -> Column:
    return F.array(*map(F.lit, keys_by_partition(blocks)))


def _indexed_items(pairs: DataFrame, blocks: int) -> DataFrame:
    """[item_id, item, scale, length, block]: `item` counts from 0 by item_id, and orders ties too.

    `length` is the Euclidean length of the item's vector times `scale`, a power of two that makes
    it just shorter than 2**UNIT_BITS.
    """
    history = F.count("*").over(Window.partitionBy(USER)).alias("history")
    # One partition each: a row an item, not a row a pair.
    by_id, by_cost = Window.orderBy(F.asc(ITEM)), Window.orderBy(F.desc("cost"), F.asc(ITEM))
    turn = (F.row_number().over(by_cost) - 1) % (2 * blocks)
    # Dealt back and forth (0 1 2 2 1 0 …), so that no block always gets the dearer item.
    block = F.least(turn, 2 * blocks - 1 - turn).cast("int")
    scale = F.pow(F.lit(2.0), UNIT_BITS - 1 - F.floor(F.log2("length")))
    return (
        pairs.select(ITEM, WEIGHT, history)
        .transform(_item_lengths)
        .select(
            ITEM,
            (F.row_number().over(by_id) - 1).alias("item"),
            scale.alias("scale"),
            (F.col("length") * scale).alias("length"),
            F.get(_block_keys(blocks), block).alias("block"),
        )
    )


def _item_lengths(weights: DataFrame) -> DataFrame:
    """[item_id, weight, history] -> [item_id, length, cost].

    Squares are summed apart for each power of two of the weight: in fixed point, decay would round
    an item that was last wanted a year ago to the length 0.
    """
    exponent = F.floor(F.log2(WEIGHT)).alias("exponent")
    mantissa = F.col(WEIGHT) / F.pow(F.lit(2.0), exponent)
    by_exponent = F.array_sort(F.collect_list(F.struct("exponent", "squares")))
    total = F.aggregate(
        by_exponent,
        F.lit(0.0),
        lambda sum_, part: sum_ + part["squares"] * F.pow(F.lit(4.0), part["exponent"]),
    )
    return (
        weights.groupBy(ITEM, exponent)
        .agg(exact_sum(mantissa**2).alias("squares"), F.sum("history").alias("cost"))
        .groupBy(ITEM)
        .agg(F.sqrt(total).alias("length"), F.sum("cost").alias("cost"))
    )


def _histories(pairs: DataFrame, items: DataFrame) -> DataFrame:
    """[history]: one array a user of (item, unit, block)."""
    unit = F.round(F.col(WEIGHT) * F.col("scale")).cast("int")
    entry = F.struct("item", unit.alias("unit"), "block")
    return (
        # A row an item: joined by a shuffle, the pairs of a popular item would crowd one task.
        pairs.join(F.broadcast(items), ITEM, "inner")
        .groupBy(USER)
        .agg(F.collect_list(entry).alias("history"))
        # One item alone has no neighbour to give.
        .where(F.size("history") > 1)
        .select("history")
    )


def _to_blocks(histories: DataFrame) -> DataFrame:
    """[block, items, units]: each history once for every block that it touches."""
    return histories.select(
        F.explode(F.array_distinct(F.col("history.block"))).alias("block"),
        F.col("history.item").alias("items"),
        F.col("history.unit").alias("units"),
    )


def _block_task(
    k: int, shrinkage: float, min_co_users: int
) -> Callable[[tuple[pa.Scalar, ...], pa.Table, pa.Table], pa.Table]:
    def task(key: tuple[pa.Scalar, ...], histories: pa.Table, catalogue: pa.Table) -> pa.Table:
        catalogue = catalogue.sort_by("item")  # row n is item n
        items, units = (histories.column(name).combine_chunks() for name in ("items", "units"))
        at_home = catalogue.column("home").to_numpy() == key[0].as_py()
        target, rank, neighbour, similarity, co_users = block_neighbours(
            items.offsets.to_numpy().astype(np.int64),
            items.flatten().to_numpy(),
            units.flatten().to_numpy(),
            lengths=catalogue.column("length").to_numpy(),
            targets=np.flatnonzero(at_home).astype(np.int32),
            k=k,
            shrinkage=shrinkage,
            min_co_users=min_co_users,
        )
        ids = catalogue.column(ITEM).combine_chunks()
        return pa.table(
            {
                ITEM: ids.take(pa.array(target)),
                RANK: rank,
                NEIGHBOUR: ids.take(pa.array(neighbour)),
                SIMILARITY: similarity,
                CO_USERS: co_users,
            }
        )

    return task
