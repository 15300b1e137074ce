"""Every rank takes as many steps, and every row is read once an epoch."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshelf.ctr.decoding import shard
from nightshelf.errors import DataQualityError
from nightshelf.learning.plan import group_rows, planned
from nightshelf.learning.storage import Folder
from tests.ctr.training_sets import INPUTS, columns, write


def test_a_plan_by_hand() -> None:
    plan = planned([5, 4, 4, 4], ranks=2, batch_rows=6)
    assert plan.rank_rows == (9, 8)
    assert plan.steps == 3  # nine rows at most three at a time
    assert list(plan.sizes(0)) == [3, 3, 3]
    assert list(plan.sizes(1)) == [2, 3, 3]
    assert [plan.all_sizes(step) for step in range(3)] == [5, 6, 6]


@given(
    st.lists(st.integers(40, 60), min_size=3, max_size=9),
    st.sampled_from([1, 2, 3]),
    st.integers(9, 64),
)
def test_all_ranks_take_as_many_steps(groups: list[int], ranks: int, batch_rows: int) -> None:
    plan = planned(groups, ranks, batch_rows)
    for rank in range(ranks):
        sizes = list(plan.sizes(rank))
        assert len(sizes) == plan.steps
        assert sum(sizes) == sum(groups[rank::ranks])
        assert 1 <= min(sizes) <= max(sizes) <= max(1, batch_rows // ranks)
    assert sum(plan.all_sizes(step) for step in range(plan.steps)) == plan.rows == sum(groups)


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("sizes", [[17, 17, 17], [101, 100, 100, 100, 101], [7, 7, 6, 6, 7, 7]])
def test_every_row_is_read_once_an_epoch(tmp_path: Path, sizes: list[int], ranks: int) -> None:
    write(tmp_path / "train", sizes)
    folder = Folder(str(tmp_path / "train"))
    plan = planned(group_rows(folder), ranks, batch_rows=10)
    written = columns(sum(sizes), seed=0)
    for epoch in range(2):
        seen = []
        for rank in range(ranks):
            batches = list(
                shard(folder, INPUTS, rank, ranks).batches(plan.sizes(rank), order=epoch + 1)
            )
            assert [len(batch) for batch in batches] == list(plan.sizes(rank))
            for batch in batches:
                seen += batch.users.tolist()
                assert (batch.ids[:, 1] == written["item_id"][batch.users]).all()
                assert (batch.labels[:, 0] == written["label_click"][batch.users]).all()
        assert sorted(seen) == list(range(sum(sizes)))


def test_an_order_is_decided_by_its_seed_alone(tmp_path: Path) -> None:
    write(tmp_path / "train", [300] * 4)
    own = shard(Folder(str(tmp_path / "train")), INPUTS)

    def users(order: int | None) -> list[int]:
        return [user for batch in own.batches([400] * 3, order) for user in batch.users.tolist()]

    assert users(1) == users(1)
    assert users(1) != users(2)
    assert users(None) == list(range(1_200))


def test_a_copy_from_elsewhere_is_made_once_and_gives_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "elsewhere", [30] * 4)
    monkeypatch.setattr(Folder, "is_local", property(lambda self: "elsewhere" not in self.uri))
    signs: list[int] = []
    own = shard(Folder(str(tmp_path / "elsewhere")), INPUTS, 1, 2, lambda: signs.append(1))
    for _ in range(2):
        assert [len(batch) for batch in own.batches([20] * 3, order=1)] == [20] * 3
        assert len(signs) == 2  # a file each


def test_fewer_row_groups_than_ranks_are_refused() -> None:
    with pytest.raises(DataQualityError, match="2 row groups for 3 ranks"):
        planned([10, 10], ranks=3, batch_rows=6)


def test_a_planted_summary_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "train", [10])
    (tmp_path / "train" / "_common_metadata").write_bytes(b"cos\nsystem\n(S'touch x'\ntR.")
    with pytest.raises(DataQualityError, match="found _common_metadata"):
        group_rows(Folder(str(tmp_path / "train")))


def test_a_file_of_two_row_groups_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "part-0.parquet"
    pq.write_table(pa.table({"x": np.arange(10)}), path, row_group_size=5)
    with pytest.raises(DataQualityError, match=re.escape("part-0.parquet: expected one row group")):
        group_rows(Folder(str(tmp_path)))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataQualityError, match="no Parquet files; run build_samples"):
        group_rows(Folder(str(tmp_path)))
