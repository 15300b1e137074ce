"""What ranks tell each other in half precision."""

import dataclasses
import sys
from pathlib import Path
from types import SimpleNamespace

import horovod
import numpy as np
import pytest
import torch
from pyspark.sql import SparkSession
from safetensors.torch import load_file
from torch import Tensor

from nightshelf.ctr.architecture import Architecture
from nightshelf.ctr.fitting import Work
from nightshelf.ctr.settings import Settings
from nightshelf.learning.distributed import HorovodRanks, half_scale
from tests.ctr.training_sets import training_set
from tests.learning.two_ranks import trained_by_two


@pytest.fixture
def ranks(monkeypatch: pytest.MonkeyPatch) -> HorovodRanks:
    """One of two ranks, of which the other tells the same."""

    def twice(told: Tensor, name: str) -> Tensor:
        return torch.cat([told, told])

    played = SimpleNamespace(
        init=lambda: None,
        rank=lambda: 0,
        size=lambda: 2,
        local_rank=lambda: 0,
        nccl_built=lambda: False,
        Sum="sum",
        allreduce=lambda told, op, name: told + told,
        allgather=twice,
        allgather_async=twice,
        synchronize=lambda told: told,
    )
    monkeypatch.setitem(sys.modules, "horovod.torch", played)
    monkeypatch.setattr(horovod, "torch", played, raising=False)
    return HorovodRanks(half=True)


@pytest.mark.parametrize("size", [1e-25, 2e-9, 1.0, 3e4, 1e30])
def test_gradients_of_any_size_arrive(ranks: HorovodRanks, size: float) -> None:
    gradients = torch.tensor([1.0, -0.5, 1e-6, 0.0]) * size
    layers = gradients.clone()
    ranks.sum_layers(layers)
    torch.testing.assert_close(layers, 2 * gradients, rtol=1e-3, atol=0.0)


@pytest.mark.parametrize("rows", [3, 1_000_000], ids=["as a table", "row by row"])
@pytest.mark.parametrize("size", [2e-9, 3e5])
def test_gradients_of_rows_arrive(ranks: HorovodRanks, rows: int, size: float) -> None:
    touched = torch.tensor([0, 2], dtype=torch.int32)
    gradients = torch.tensor([[1.0, -1e-6], [0.3, 0.0]]) * size
    found, summed = ranks.sum_rows(touched, gradients, rows)
    assert found.tolist() == [0, 2]
    torch.testing.assert_close(summed, 2 * gradients, rtol=1e-3, atol=0.0)


def test_a_rank_without_rows_tells_none(ranks: HorovodRanks) -> None:
    none = torch.empty(0, dtype=torch.int32)
    found, summed = ranks.sum_rows(none, torch.empty(0, 2), 1_000_000)
    assert (len(found), summed.shape) == (0, (0, 2))


@pytest.mark.parametrize("told", [float("inf"), float("nan")])
def test_what_is_no_number_arrives_as_such(ranks: HorovodRanks, told: float) -> None:
    layers = torch.tensor([1.0, told])
    ranks.sum_layers(layers)
    assert not layers.sum().isfinite()


def test_a_scale_is_a_power_of_two_that_fits() -> None:
    assert [half_scale(largest) for largest in (0.0, 1.0, 32_768.0, 65_536.0)] == [
        1,
        2**14,
        0.5,
        0.25,
    ]
    for largest in np.geomspace(1e-25, 1e38, 200):
        assert 2**14 <= largest * half_scale(float(largest)) <= 2**15


@pytest.mark.slow
@pytest.mark.long
def test_two_ranks_learn_the_same_each_time(spark: SparkSession, tmp_path: Path) -> None:
    data = training_set(tmp_path / "samples")
    plain = Settings(
        Architecture("dcn_v2", embedding=4, hidden=(16,)),
        batch_size=200,
        epochs=2,
        learning_rate=0.03,
    )
    aucs = {}
    for name, compression in {"plain": "none", "half": "fp16", "again": "fp16"}.items():
        settings = dataclasses.replace(plain, compression=compression)  # type: ignore[arg-type]
        told = trained_by_two(spark, Work(str(data), str(tmp_path / name), settings))
        aucs[name] = told["metrics"]["test.auc"]
    assert aucs["half"] == pytest.approx(aucs["plain"], abs=0.005)
    first, again = (load_file(tmp_path / name / "model.safetensors") for name in ("half", "again"))
    assert all(torch.equal(first[name], again[name]) for name in first)
