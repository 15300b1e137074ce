"""Training on a GPU gives what training on a CPU gives; left out where there is no GPU."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nightshelf.ctr import fitting, training
from nightshelf.ctr.architecture import Architecture
from nightshelf.ctr.decoding import shard
from nightshelf.ctr.fitting import Work
from nightshelf.ctr.settings import Settings
from nightshelf.ctr.steps import Step
from nightshelf.ctr.trained import Trained
from nightshelf.learning.distributed import Alone, Ranks, device_of
from nightshelf.learning.precision import LossScale
from nightshelf.learning.storage import Folder
from tests.ctr.training_sets import INPUTS, training_set

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

CPU, GPU = torch.device("cpu"), torch.device("cuda")
MODELS = ("lr", "fm", "deepfm", "dcn_v2", "din", "final_mlp", "two_tower")
SETTINGS = Settings(
    Architecture("dcn_v2", embedding=4, hidden=(16,), users=("user_id",), items=("item_id",)),
    batch_size=200,
    epochs=1,
    learning_rate=0.01,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_set(tmp_path_factory.mktemp("samples"))


def settings(model: str, **changes: Any) -> Settings:
    """Those of the tests, for another model."""
    architecture = dataclasses.replace(SETTINGS.architecture, name=model)
    return dataclasses.replace(SETTINGS, architecture=architecture, **changes)


def fit(data: Path, out: Path, told: Settings) -> dict[str, Any]:
    """A whole training by one process."""
    return fitting.fit(Work(str(data), str(out), told), Alone())


def on_either(
    data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, told: Settings
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a training by `told` gives on the CPU, in `folder`/cpu, and on the GPU, in its gpu."""
    there = fit(data, folder / "gpu", told)

    def on_cpu(_: Ranks) -> torch.device:
        return CPU

    monkeypatch.setattr(training, "device_of", on_cpu)
    return fit(data, folder / "cpu", told), there


def test_a_rank_has_a_gpu() -> None:
    assert device_of(Alone()) == torch.device("cuda", 0)


@pytest.mark.parametrize("model", MODELS)
def test_each_model_learns_what_it_learns_on_a_cpu(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    here, there = on_either(data, tmp_path, monkeypatch, settings(model))
    assert there["losses"] == pytest.approx(here["losses"], rel=1e-4)
    for name, value in here["metrics"].items():
        assert there["metrics"][name] == pytest.approx(value, abs=2e-3), name


def test_the_mean_of_several_epochs_weights_is_that_of_a_cpu(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = settings("dcn_v2", epochs=3, averaged_epochs=2, schedule="plateau")
    here, there = on_either(data, tmp_path, monkeypatch, told)
    assert there["valid_aucs"] == pytest.approx(here["valid_aucs"], abs=2e-3)
    weights = [load_file(tmp_path / place / "model.safetensors") for place in ("cpu", "gpu")]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, atol=2e-3, rtol=1e-2)


@pytest.mark.parametrize("model", MODELS)
def test_the_same_seed_gives_the_same_model(data: Path, tmp_path: Path, model: str) -> None:
    found = []
    for n in range(2):
        fit(data, tmp_path / str(n), settings(model, precision="bf16"))
        found.append(load_file(tmp_path / str(n) / "model.safetensors"))
    assert all(torch.equal(tensor, found[1][name]) for name, tensor in found[0].items())


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_as_well(data: Path, tmp_path: Path, precision: str) -> None:
    full = fit(data, tmp_path / "fp32", settings("dcn_v2", epochs=3, learning_rate=0.03))
    half = fit(
        data,
        tmp_path / precision,
        settings("dcn_v2", epochs=3, learning_rate=0.03, precision=precision),
    )
    assert full["metrics"]["test.auc"] > 0.83
    assert half["metrics"]["test.auc"] == pytest.approx(full["metrics"]["test.auc"], abs=0.01)


def test_a_step_that_overflows_is_left_out_and_the_scale_halved(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first scale far beyond fp16's range: the first steps overflow, then it learns."""
    monkeypatch.setattr(LossScale, "of", staticmethod(lambda _: LossScale(2.0**40)))
    scales: list[float] = []
    take = Step.take

    def watched(self: Step, *args: Any) -> float:
        loss = take(self, *args)
        scales.append(self.scale.value)
        return loss

    monkeypatch.setattr(Step, "take", watched)
    told = fit(data, tmp_path, settings("dcn_v2", epochs=6, learning_rate=0.03, precision="fp16"))
    overflown = [n for n, scale in enumerate(scales) if n and scale < scales[n - 1]]
    assert overflown
    assert len(overflown) < 40
    assert told["metrics"]["test.auc"] > 0.8


def test_a_model_says_the_same_on_either(data: Path, tmp_path: Path) -> None:
    fit(data, tmp_path, settings("dcn_v2"))
    rows = next(shard(Folder(str(data / "test")), INPUTS).batches([1_000], None))
    told = [
        Trained.load(Folder(str(tmp_path)), device=device).probabilities(rows)
        for device in (CPU, GPU)
    ]
    np.testing.assert_allclose(told[0], told[1], atol=1e-5)
