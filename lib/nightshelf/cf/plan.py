"""Where the work of a product is done: three plans, and which one is cheapest.

N pairs, I items, B blocks of items, S slices of users, e bytes an entry (4 where components are
even, else 8). All take the same updates and give the same rows.

    broadcast   shuffles nothing; N * e to the driver and to each executor; a task reads all
    replicate   shuffles at most N * B * e; a task holds the histories of its items' users, <= 3 N e
    grid        shuffles N * B * e and the partial rows, S * 16 bytes a co-occurring pair of items;
                a task holds 3 N e / S of histories, or its block's partial rows

Broadcasting saves a shuffle while the matrix is small. Replicating needs each task to hold what
touches its block: nearly all, since each block has its share of hot items. Where that is too much,
users are cut into slices and partial rows are added up, which costs more than any replication.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nightshelf.cf.catalogue import Catalogue

SCAN_COST = 0.5  # of looking at an item's sum, in updates
Name = Literal["broadcast", "replicate", "grid"]


@dataclass(frozen=True)
class Limits:
    """What a plan may use: tasks of item blocks, bytes to broadcast, bytes that a task may hold."""

    blocks: int
    broadcast_bytes: int = 64 * 2**20
    task_bytes: int = 2 * 2**30
    plan: Name | None = None


@dataclass(frozen=True)
class Plan:
    """Which plan, with B blocks and S slices; of each label the block and its place by id (I,)."""

    name: Name
    blocks: int
    slices: int
    block: NDArray[np.int32]
    tie: NDArray[np.int32]

    def targets(self, block: int) -> NDArray[np.int32]:
        """Labels of the block, in the order of their ids."""
        found = np.flatnonzero(self.block == block).astype(np.int32)
        return found[np.argsort(self.tie[found])]


def chosen(catalogue: Catalogue, limits: Limits) -> Plan:
    """The plan for a catalogue's measured sizes; the one that the limits name, if they do."""
    matrix = catalogue.pairs * (4 if catalogue.even else 8)
    needed = 3 * matrix
    name = limits.plan
    if name is None:
        small, large = matrix <= limits.broadcast_bytes, needed > limits.task_bytes
        name = "broadcast" if small else "grid" if large else "replicate"
    slices = max(1, -(-needed // limits.task_bytes)) if name == "grid" else 1
    blocks = max(1, min(limits.blocks, len(catalogue)))
    return Plan(name, blocks, slices, cut(catalogue, blocks), catalogue.tie)


def cut(catalogue: Catalogue, blocks: int) -> NDArray[np.int32]:
    """(I,): the block of each label: ranges of ids of about the same cost.

    An item costs the lengths of its users' histories, and a look at all items for its best.
    """
    by_id = np.argsort(catalogue.tie)
    cost = catalogue.cost[by_id] + SCAN_COST * len(catalogue)
    middle = np.cumsum(cost) - cost / 2
    block = np.empty(len(catalogue), np.int32)
    block[by_id] = np.minimum(middle * blocks / cost.sum(), blocks - 1) if len(cost) else 0
    return block
