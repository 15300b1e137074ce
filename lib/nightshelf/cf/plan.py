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
    """Which plan, with B blocks and S slices; block (I,) of each label."""

    name: Name
    blocks: int
    slices: int
    block: NDArray[np.int32]

    def targets(self, block: int) -> NDArray[np.int32]:
        """Labels of the block."""
        return np.flatnonzero(self.block == block).astype(np.int32)


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
    return Plan(name, blocks, slices, dealt(len(catalogue), blocks))


def dealt(n_items: int, blocks: int) -> NDArray[np.int32]:
    """(I,): the block of each label. Labels come by cost and are dealt back and forth.

    0 1 2 2 1 0 …: no block always gets the dearer item.
    """
    turn = np.arange(n_items) % (2 * blocks)
    return np.minimum(turn, 2 * blocks - 1 - turn).astype(np.int32)
