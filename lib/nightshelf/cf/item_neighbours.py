"""The neighbours of every item: exact cosine of item vectors over users, in blocks on Spark.

The plan replicates histories to item blocks. Items are dealt to blocks so that each gets about the
same number of updates (a target item costs the summed length of its users' histories); each user's
history goes once to every block that holds one of its items, and a block's task runs the kernel
over them. Shuffled: sum over users of length times blocks touched, 8 bytes an entry. Memory of a
task: the histories that touch its block, at most the whole matrix at 8 bytes an entry; more blocks
mean less for each. Nothing is gathered on the driver.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.cf.kernel import UNIT_BITS, block_neighbours
from nightshelf.columns import CO_USERS, ITEM, NEIGHBOUR, RANK, SIMILARITY, USER, WEIGHT, Transform
from nightshelf.exact import exact_sum

_FOUND = "item int, rank int, neighbour int, similarity double, co_users bigint"
_FOUND_ARROW = pa.schema(
    [
        ("item", pa.int32()),
        ("rank", pa.int32()),
        ("neighbour", pa.int32()),
        ("similarity", pa.float64()),
        ("co_users", pa.int64()),
    ]
)


def neighbours(*, k: int, shrinkage: float, min_co_users: int, blocks: int) -> Transform:
    """[user_id, item_id, weight] -> [item_id, rank, neighbour_id, similarity, co_users].

    Pairs are unique and weights positive. Up to k neighbours an item, rank from 1 by similarity,
    ties by neighbour_id. Similarity: the cosine of the two items' weight vectors over users (Sarwar
    et al. 2001), times c / (c + shrinkage) for c co-users; pairs with fewer than `min_co_users` are
    left out. Exact to about 1e-8 (below that, rounding decides a tie), and the same to the last bit
    whatever the order of the input or the number of `blocks`.
    """

    def transform(pairs: DataFrame) -> DataFrame:
        items = _indexed_items(pairs, blocks)
        found = (
            _histories(pairs, items)
            .transform(_to_blocks)
            .groupBy("block")
            .applyInArrow(_block_task(k, shrinkage, min_co_users), _FOUND)
        )
        names = items.select("item", ITEM)
        other = items.select(F.col("item").alias("neighbour"), F.col(ITEM).alias(NEIGHBOUR))
        return (
            found.join(names, "item", "inner")
            .join(other, "neighbour", "inner")
            .select(ITEM, RANK, NEIGHBOUR, SIMILARITY, CO_USERS)
        )

    return transform


def _indexed_items(pairs: DataFrame, blocks: int) -> DataFrame:
    """[item_id, item, length, block]: `item` counts from 0 by item_id, so that it orders ties too.

    `length` is the Euclidean length of the item's vector.
    """
    history = F.count("*").over(Window.partitionBy(USER)).alias("history")
    # One partition each: a row an item, not a row a pair.
    by_id, by_cost = Window.orderBy(F.asc(ITEM)), Window.orderBy(F.desc("cost"), F.asc(ITEM))
    place = F.row_number().over(by_cost) - 1
    turn = place % (2 * blocks)
    return (
        pairs.select(ITEM, WEIGHT, history)
        .groupBy(ITEM)
        .agg(F.sqrt(exact_sum(F.col(WEIGHT) ** 2)).alias("length"), F.sum("history").alias("cost"))
        # Dealt back and forth (0 1 2 2 1 0 …), so that no block always gets the dearer item.
        .withColumn("block", F.least(turn, 2 * blocks - 1 - turn))
        .select(ITEM, (F.row_number().over(by_id) - 1).alias("item"), "length", "block")
    )


def _histories(pairs: DataFrame, items: DataFrame) -> DataFrame:
    """[history]: one array a user of (item, unit, block), in the order of items."""
    unit = F.round(F.col(WEIGHT) / F.col("length") * float(1 << UNIT_BITS)).cast("int")
    entry = F.struct("item", unit.alias("unit"), "block")
    return (
        pairs.join(items, ITEM, "inner")
        .groupBy(USER)
        .agg(F.array_sort(F.collect_list(entry)).alias("history"))
        # One item alone has no neighbour to give.
        .where(F.size("history") > 1)
        .select("history")
    )


def _to_blocks(histories: DataFrame) -> DataFrame:
    """[block, items, units, is_target]: each history once for every block that it touches."""
    touched = F.explode(F.array_distinct(F.col("history.block"))).alias("block")
    here: Column = F.transform("history", lambda entry: entry["block"] == F.col("block"))
    return histories.select("history", touched).select(
        "block",
        F.col("history.item").alias("items"),
        F.col("history.unit").alias("units"),
        here.alias("is_target"),
    )


def _block_task(k: int, shrinkage: float, min_co_users: int) -> Callable[[pa.Table], pa.Table]:
    def task(histories: pa.Table) -> pa.Table:
        items, units, is_target = (
            histories.column(name).combine_chunks() for name in ("items", "units", "is_target")
        )
        found = block_neighbours(
            items.offsets.to_numpy().astype(np.int64),
            items.flatten().to_numpy(),
            units.flatten().to_numpy(),
            is_target.flatten().to_numpy(zero_copy_only=False),
            k=k,
            shrinkage=shrinkage,
            min_co_users=min_co_users,
        )
        return pa.Table.from_arrays([pa.array(column) for column in found], schema=_FOUND_ARROW)

    return task
