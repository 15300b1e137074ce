"""EASE: item weights by a regression of each item on all others, in closed form (Steck 2019).

With X users by items, P is the inverse of X'X with lambda and a share of itself added to its
diagonal (the share stands for noise in histories: Steck 2020, Autoencoders that don't overfit
towards the identity). The weight of item i for item j is -P[i, j] / P[j, j]; it may be negative.

It takes the square of the items in memory and their cube in time, so it is for the head of a
catalogue: the labels that take part in most updates. Items beyond it keep their similarities by
cosine, brought to the scale of the weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.linalg.lapack import dpotrf, dpotri

from nightshelf.cf.catalogue import Catalogue
from nightshelf.cf.kernel import Neighbours, best_of_rows
from nightshelf.cf.packed import SCHEMA, Batches, exchange, packed, tables
from nightshelf.cf.product import FOUND, Product, named
from nightshelf.columns import CO_USERS, ITEM, RANK, SIMILARITY
from nightshelf.errors import ConfigError
from nightshelf.placement import part_keys

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


SIGNIFICANT_BITS = 30  # what libraries for linear algebra agree on
ENTRIES_A_TABLE = 1_000_000

_ENTRY = ("target", RANK, "item", SIMILARITY, CO_USERS)
_COSINE = "cosine"


@dataclass(frozen=True)
class Ease:
    """How many items the regression is of, its lambda, and the share of noise."""

    items: int = 6_000
    regularisation: float = 500.0
    noise: float = 0.5


def with_ease(
    cosine: DataFrame, sums: DataFrame, sent: Broadcast[Product], ease: Ease
) -> DataFrame:
    """[item_id, rank, neighbour_id, similarity, co_users]: the head by EASE, others by cosine.

    sums: packed rows of sums of the head of the product `sent`; it is solved at once, in one task.
    """
    head = sent.value.head or len(sent.value.catalogue)
    keys = part_keys(sent.value.plan.blocks)

    def solve(batches: Batches) -> Batches:
        held = [table for _, table in tables(batches)]
        if held:
            product = sent.value
            products, co_users = gram(held, product.catalogue, head)
            held.clear()
            length = np.sqrt(np.diag(products))
            cosines = products / np.outer(length, length)
            found = neighbours(
                weights(products, ease),
                co_users,
                k=product.k,
                shrinkage=product.shrinkage,
                min_co_users=product.min_co_users,
                ties=product.catalogue.tie,
            )
            entries = dict(zip(_ENTRY, found, strict=True))
            yield from _cut(pa.table({**entries, _COSINE: cosines[found[0], found[2]]}), keys)

    def best(batches: Batches) -> Batches:
        for _, table in tables(batches):
            first = table.filter(pc.equal(table[RANK], 1)).select([SIMILARITY, _COSINE])
            yield from first.to_batches()

    def name(batches: Batches) -> Batches:
        for _, table in tables(batches):
            target, rank, item, similarity, count = (table[n].to_numpy() for n in _ENTRY)
            yield named(sent.value, (target, rank, item, similarity, count))

    solved = sums.coalesce(1).mapInArrow(solve, SCHEMA).localCheckpoint()
    mean = (
        solved.mapInArrow(best, f"{SIMILARITY} double, {_COSINE} double")
        .agg(F.avg(SIMILARITY), F.avg(_COSINE))
        .collect()[0]
    )
    scale = mean[0] / mean[1] if mean[1] else 1.0
    ids = cosine.sparkSession.createDataFrame(pa.table({ITEM: sent.value.catalogue.ids[:head]}))
    tail = cosine.join(F.broadcast(ids), ITEM, "left_anti").withColumn(
        SIMILARITY, F.col(SIMILARITY) * scale
    )
    return exchange(solved, len(keys)).mapInArrow(name, FOUND).unionByName(tail)


def _cut(table: pa.Table, keys: list[int]) -> Iterator[pa.RecordBatch]:
    """The table packed in pieces, dealt to the keys in turn."""
    size = max(1, min(ENTRIES_A_TABLE, -(-len(table) // len(keys))))
    for n, start in enumerate(range(0, len(table), size)):
        yield packed(keys[n % len(keys)], table.slice(start, size))


def gram(tables: list[pa.Table], catalogue: Catalogue, head: int) -> tuple[Floats, Ints]:
    """X'X (H, H) and co-users (H, H) of the first H labels, from their full rows of sums.

    tables: as of `partial.partial_rows`, all rows of the head. On the diagonal, of the Gram matrix
    alone, is each item's squared length.
    """
    products, co_users = np.zeros((head, head)), np.zeros((head, head), np.int32)
    for table in tables:
        targets = table.column("target").to_numpy()
        for chunk in table.to_batches():
            column = {name: chunk.column(name) for name in table.column_names[1:]}
            row = np.repeat(targets, np.diff(column["items"].offsets.to_numpy()))
            item = column["items"].flatten().to_numpy()
            co_users[row, item] += column["counts"].flatten().to_numpy()
            sums = column["sums"] if "sums" in column else column["counts"]
            products[row, item] += sums.flatten().to_numpy()
    unit = catalogue.component if catalogue.even else 1.0 / catalogue.scale
    products *= unit[:head, None] * unit[None, :head]
    products[np.diag_indices(head)] = (catalogue.length / catalogue.scale)[:head] ** 2
    return products, co_users


def weights(products: Floats, ease: Ease) -> Floats:
    """(H, H): row i holds the weights of item i for every other item; 0 on the diagonal.

    Works in the memory of `products`, which is lost. Raises ConfigError where no such weights are.
    """
    diagonal = np.diag_indices_from(products)
    products[diagonal] += ease.regularisation + ease.noise * products[diagonal]
    inverse, failed = dpotrf(products.T, lower=True, overwrite_a=True)
    if not failed:
        inverse, failed = dpotri(inverse, lower=True, overwrite_c=True)
    if failed:
        raise ConfigError(
            "item_cf.ease_regularisation: expected one that makes the items' products invertible, "
            f"found {ease.regularisation:g}; make it larger"
        )
    inverse = np.tril(inverse)
    inverse += np.tril(inverse, -1).T
    inverse /= -np.diag(inverse).copy()
    inverse[diagonal] = 0.0
    return np.asarray(inverse)


def neighbours(
    found: Floats, co_users: Ints, *, k: int, shrinkage: float, min_co_users: int, ties: Ints
) -> Neighbours:
    """The k weights in each row that are furthest from 0, as `kernel.block_neighbours` has them.

    Ranked from the largest to the least, shrunk and left out likewise; rounded to
    SIGNIFICANT_BITS. Works in the memory of `found`.
    """
    if shrinkage > 0:
        found *= co_users / (co_users + shrinkage)
    found[co_users < max(min_co_users, 1)] = 0.0
    mantissas, exponents = np.frexp(found)
    rounded = np.ldexp(np.rint(np.ldexp(mantissas, SIGNIFICANT_BITS)), exponents - SIGNIFICANT_BITS)
    target, rank, item, _, count = best_of_rows(np.abs(rounded), co_users, ties, k)
    value = rounded[target, item]
    order = np.lexsort((ties[item], -value, target))  # rank counts from 1 in each target still
    return target, rank, item[order], value[order], count[order]
