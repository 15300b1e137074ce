"""Which plan is chosen, and how items are cut into blocks."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from nightshelf.cf.catalogue import Catalogue
from nightshelf.cf.plan import Limits, chosen, cut


def catalogue(cost: list[int], *, even: bool = True) -> Catalogue:
    """Labels by descending cost, ids dealt at random; as many users as cost."""
    size = len(cost)
    some = np.array(sorted(cost, reverse=True), np.int64)
    ones = np.ones(size)
    tie = np.random.default_rng(0).permutation(size).astype(np.int32)
    ids = pa.array([f"i{n:06d}" for n in tie])
    return Catalogue(ids, tie, some, some, some, ones, ones, ones, even)


@pytest.mark.parametrize("blocks", [1, 2, 3, 7])
def test_blocks_are_ranges_of_ids_of_equal_cost(blocks: int) -> None:
    cost = [int(10_000 / rank**0.8) for rank in range(1, 5_001)]
    items = catalogue(cost)
    block = cut(items, blocks)
    by_id = block[np.argsort(items.tie)]
    assert np.all(np.diff(by_id) >= 0)
    assert set(block) == set(range(blocks))
    shares = np.bincount(block, items.cost + 0.5 * len(items)) * blocks
    assert np.all(np.abs(shares / shares.mean() - 1) < 0.02)


def test_more_blocks_than_items_and_none_at_all() -> None:
    assert chosen(catalogue([5, 1]), Limits(blocks=9)).blocks == 2
    assert len(cut(catalogue([]), 3)) == 0


def test_targets_come_by_id() -> None:
    items = catalogue(list(range(1, 60)))
    plan = chosen(items, Limits(blocks=2))
    found = [items.ids[int(n)].as_py() for block in (0, 1) for n in plan.targets(block)]
    assert found == sorted(items.ids.to_pylist())


def test_the_measured_size_chooses() -> None:
    limits = Limits(blocks=2, broadcast_bytes=400, task_bytes=2_400)
    for users, name, slices in ((100, "broadcast", 1), (101, "replicate", 1), (201, "grid", 2)):
        plan = chosen(catalogue([users]), limits)
        assert (plan.name, plan.slices) == (name, slices)
    assert chosen(catalogue([60], even=False), limits).name == "replicate"
    assert chosen(catalogue([1]), replace(limits, plan="grid")).name == "grid"
