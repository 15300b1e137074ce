"""Training by one process: it learns, repeats itself, goes on where it stopped, and refuses."""

import dataclasses
import gc
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from nightshelf.ctr import training
from nightshelf.ctr.architecture import Architecture
from nightshelf.ctr.decoding import shard
from nightshelf.ctr.fitting import Work, fit, reads
from nightshelf.ctr.models import build
from nightshelf.ctr.settings import Settings
from nightshelf.ctr.steps import Step
from nightshelf.ctr.table import Layout, Table
from nightshelf.ctr.trained import Trained
from nightshelf.ctr.training import Training
from nightshelf.errors import ConfigError, DataQualityError
from nightshelf.fields import Categorical, Rows, Vector
from nightshelf.learning import checkpoint
from nightshelf.learning.distributed import Alone
from nightshelf.learning.state import State
from nightshelf.learning.storage import Folder
from tests.ctr.training_sets import INPUTS, training_set

SETTINGS = Settings(
    Architecture("dcn_v2", embedding=4, hidden=(16,), dropout=0.1),
    batch_size=200,
    epochs=3,
    patience=3,
    learning_rate=0.03,
    checkpoint_steps=7,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_set(tmp_path_factory.mktemp("samples"))


def trained(data: Path, out: Path, **changes: object) -> dict[str, torch.Tensor]:
    """The tensors of the model that a whole training results in."""
    settings = dataclasses.replace(SETTINGS, **changes)  # type: ignore[arg-type]
    fit(Work(str(data), str(out), settings), Alone())
    return load_file(out / "model.safetensors")


def test_it_learns_what_was_planted(data: Path, tmp_path: Path) -> None:
    told = fit(Work(str(data), str(tmp_path), SETTINGS), Alone())
    assert told["losses"][-1] < told["losses"][0]
    metrics = told["metrics"]
    assert metrics["test.auc"] > 0.83  # the planted probabilities' own is .87
    assert metrics["test.ece"] < metrics["test.ece_uncalibrated"] + 0.02
    assert {"train.auc", "valid.auc", "test.gauc", "test.log_loss"} <= metrics.keys() | {
        "test.gauc"
    }
    assert told["best_epoch"] == 1 + int(np.argmax(told["valid_aucs"]))


def test_the_same_seed_gives_the_same_model(data: Path, tmp_path: Path) -> None:
    first, again = (trained(data, tmp_path / name) for name in ("first", "again"))
    other = trained(data, tmp_path / "other", seed=8)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["table"], other["table"])


@pytest.mark.long
def test_two_threads_give_the_same_model_each_time(tmp_path: Path) -> None:
    data = training_set(tmp_path / "samples", rows=30_000)
    found = [
        trained(data, tmp_path / str(n), threads=2, batch_size=10_000, epochs=2) for n in range(4)
    ]
    assert all(torch.equal(found[0][name], other[name]) for other in found for name in other)


def test_slices_add_up_to_the_whole_batch(data: Path, tmp_path: Path) -> None:
    plain = dataclasses.replace(SETTINGS.architecture, dropout=0.0)
    whole = trained(data, tmp_path / "whole", architecture=plain, epochs=1)
    slices = trained(data, tmp_path / "slices", architecture=plain, epochs=1, accumulate=3)
    for name in whole:
        torch.testing.assert_close(slices[name], whole[name], rtol=1e-2, atol=2e-3)


class StoppedError(Exception):
    """The process dies here."""


@pytest.mark.parametrize("averaged", [1, 2])
def test_a_broken_training_goes_on_to_the_same_model(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, averaged: int
) -> None:
    settings = dataclasses.replace(SETTINGS, averaged_epochs=averaged)
    seconds = 0
    take = Step.take

    def taking(last: int | None) -> None:
        """Each step takes a second, and the last one breaks."""

        def one(self: Step, *args: object) -> float:
            nonlocal seconds
            seconds += 1
            if args[3] == last:
                raise StoppedError
            return take(self, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(Step, "take", one)

    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: seconds))
    taking(last=None)
    whole = fit(Work(str(data), str(tmp_path / "whole"), settings), Alone())
    for last in (10, 31, 45):  # in the first, second and third epoch
        taking(last)
        with pytest.raises(StoppedError):
            fit(Work(str(data), str(tmp_path / "broken"), settings), Alone())
    taking(last=None)
    newest = checkpoint.newest(Folder(str(tmp_path / "broken" / "checkpoints")))
    assert newest is not None
    assert newest[1]["step"] == 42
    resumed = fit(Work(str(data), str(tmp_path / "broken"), settings), Alone())
    assert resumed["losses"] == pytest.approx(whole["losses"], abs=1e-6)
    assert resumed["valid_aucs"] == whole["valid_aucs"]
    assert resumed["epoch_seconds"] == whole["epoch_seconds"] == [20, 20, 20]
    assert resumed["rows_s"] == whole["rows_s"] == 200
    models = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "broken")]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_a_torn_checkpoint_is_passed_over(data: Path, tmp_path: Path) -> None:
    whole = trained(data, tmp_path)
    folder = tmp_path / "checkpoints"
    assert [p.name for p in sorted(folder.glob("*.json"))] == [
        "step-000000056.json",
        "step-000000060.json",
    ]
    newest = folder / "step-000000060.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    found = checkpoint.newest(Folder(str(folder)))
    assert found is not None
    assert found[1]["step"] == 56
    again = trained(data, tmp_path)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    for path in folder.glob("*.safetensors"):
        path.write_bytes(b"")
    assert checkpoint.newest(Folder(str(folder))) is None


def test_a_checkpoint_of_another_training_is_not_gone_on_with(data: Path, tmp_path: Path) -> None:
    trained(data, tmp_path, epochs=1)
    fresh = trained(data, tmp_path / "fresh", epochs=1, learning_rate=0.02)
    assert torch.equal(
        trained(data, tmp_path, epochs=1, learning_rate=0.02)["table"], fresh["table"]
    )


def test_a_torn_model_is_refused(data: Path, tmp_path: Path) -> None:
    trained(data, tmp_path, epochs=1)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataQualityError, match=r"model\.safetensors: torn"):
        Trained.load(Folder(str(tmp_path)))


def test_numbers_that_are_none_stop_the_training(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataQualityError, match=r"diverged in step \d+.*lower ctr\.learning_rate"):
        trained(data, tmp_path, learning_rate=1e30)
    assert not (tmp_path / "model.json").exists()


def test_a_model_reads_itself_back(data: Path, tmp_path: Path) -> None:
    trained(data, tmp_path, epochs=1)
    model = Trained.load(Folder(str(tmp_path)))
    rows = next(shard(Folder(str(data / "test")), INPUTS).batches([500], None))
    probabilities = model.probabilities(rows)
    assert probabilities.shape == (500, 1)
    assert ((probabilities > 0) & (probabilities < 1)).all()
    order = np.argsort(model.logits(rows)[:, 0])
    assert (np.diff(probabilities[order, 0]) >= 0).all()
    # Ids that the model has never seen are read as unknown ones.
    strange = dataclasses.replace(rows, ids=rows.ids + 1_000, history=rows.history + 1_000)
    unknown = dataclasses.replace(
        rows, ids=rows.ids * 0, history=np.where(np.arange(9) < 3, 0, rows.history + 1_000)
    )
    np.testing.assert_array_equal(model.logits(strange), model.logits(unknown))
    model.precision = "bf16"
    np.testing.assert_allclose(model.probabilities(rows), probabilities, atol=0.03)


def test_half_precision_wants_a_gpu(data: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match="fp16 needs a GPU"):
        trained(data, tmp_path, precision="fp16")


def test_training_in_bf16_learns_as_well(data: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, precision="bf16")
    told = fit(Work(str(data), str(tmp_path), settings), Alone())
    assert told["metrics"]["test.auc"] > 0.83


def test_the_rate_rises_and_falls() -> None:
    settings = dataclasses.replace(SETTINGS, learning_rate=1.0, warm_up=0.2, final_rate=0.1)
    rates = [settings.rate(step, 10) for step in range(10)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(0.1 + 0.9 / 8)


def test_the_rate_is_cut_where_an_epoch_is_no_better() -> None:
    settings = dataclasses.replace(SETTINGS, learning_rate=0.01, schedule="plateau")
    rates = []
    for n in range(6):
        state = State(values=[0.7, 0.8, 0.79, 0.8, 0.81][:n])
        rates.append(settings.rate(10 * n, 60, state.setbacks))
    assert rates == pytest.approx([0.01, 0.01, 0.01, 1e-3, 1e-4, 1e-4])


def test_the_weights_of_the_newest_epochs_are_averaged(data: Path, tmp_path: Path) -> None:
    """Of both first epochs by halves; with a third, each epoch before counts half as much."""
    told = {"warm_up": 0.0, "final_rate": 1.0, "patience": 9}
    ends = []
    for epochs in (1, 2, 3):
        folder = Folder(str(tmp_path / str(epochs)))
        settings = dataclasses.replace(SETTINGS, epochs=epochs, averaged_epochs=2, **told)
        own = Training(Folder(str(data)), folder, settings, Alone())
        own.run()
        ends.append((own.table.weights, own.model().table, own.network, own.model().network))
    (first, _, _, _), (second, mean, _, _), (third, newest, _, _) = ends
    torch.testing.assert_close(mean, (first + second) / 2)
    torch.testing.assert_close(newest, (mean + third) / 2)
    layers = [[dict(net.named_parameters()) for net in end[2:]] for end in ends]
    for name, weights in layers[1][1].items():
        torch.testing.assert_close(weights, (layers[0][0][name] + layers[1][0][name]) / 2)


def test_progress_is_told(data: Path, tmp_path: Path) -> None:
    trained(data, tmp_path, epochs=1)
    told = json.loads((tmp_path / "progress.json").read_text())
    assert told["step"] == told["steps"] == 20
    assert told["rows_s"] > 0
    assert told["seconds_left"] == 0


@pytest.mark.long
def test_memory_stays_flat_over_ten_epochs(tmp_path: Path) -> None:
    data = training_set(tmp_path / "samples", rows=60_000, groups=6)
    training = Training(Folder(str(data)), Folder(str(tmp_path / "out")), SETTINGS, Alone())
    sizes = []
    for epoch in range(12):
        own = shard(Folder(str(data / "train")), INPUTS)
        for rows in own.batches([5_000] * 12, epoch + 1):
            training.lookup(rows)
        gc.collect()
        sizes.append(psutil.Process().memory_info().rss / 2**20)
    assert sizes[-1] - sizes[1] < 30  # MiB; an epoch's rows are 4.5


def test_the_model_in_use_is_judged_on_the_same_rows_though_it_reads_less(
    data: Path, tmp_path: Path
) -> None:
    """Lacking the price that the taste hangs on, it is worse; of a field more it knows nothing."""
    fewer = dataclasses.replace(INPUTS, numeric=INPUTS.numeric[1:])
    less = training_set(tmp_path / "less")
    (less / "inputs.json").write_text(fewer.to_json())
    before = fit(Work(str(less), str(tmp_path / "before"), SETTINGS), Alone())
    now = Work(str(data), str(tmp_path / "now"), SETTINGS, current=str(tmp_path / "before"))
    told = fit(now, Alone())
    assert told["current"]["test.auc"] == pytest.approx(before["metrics"]["test.auc"], abs=1e-9)
    assert told["current"]["test.auc"] < told["metrics"]["test.auc"] - 0.02

    back = Work(str(less), str(tmp_path / "back"), SETTINGS, current=str(tmp_path / "now"))
    assert "current" not in fit(back, Alone())


def test_values_newer_than_the_model_in_use_are_rare_ones_to_it(data: Path, tmp_path: Path) -> None:
    """Users 1 to 11, the model's buckets here, have ids that it has not, dealt back to theirs."""
    before = fit(Work(str(data), str(tmp_path / "before"), SETTINGS), Alone())
    newer = shutil.copytree(data, tmp_path / "newer")
    for path in newer.glob("*/*.parquet"):
        rows = pq.read_table(path)
        ids = pa.array(rows["user_id"].to_numpy() + 21, pa.int32())
        pq.write_table(rows.set_column(rows.schema.names.index("user_id"), "user_id", ids), path)
    more = (Categorical("user_id", 33), *INPUTS.categorical[1:])
    (newer / "inputs.json").write_text(dataclasses.replace(INPUTS, categorical=more).to_json())
    now = Work(str(newer), str(tmp_path / "now"), SETTINGS, str(tmp_path / "before"), buckets=11)
    told = fit(now, Alone())
    assert told["current"]["test.auc"] == pytest.approx(before["metrics"]["test.auc"], abs=1e-9)


def test_ids_that_a_table_has_not() -> None:
    """Of 12 users and 20 items, in rows and in histories."""
    ids = np.array([[-1, 19], [12, 20], [15, 25]], np.int32)
    history = np.array([[20, 3, -5, 1, 1, 1, 1, 1, 1]] * 3, np.int32)
    empty = np.empty((3, 0), np.float32)
    rows = Rows(ids, empty, history, empty, empty, np.ones(3, np.float32), np.arange(3))
    layout = Layout.of(INPUTS)
    fields, items = layout.table_rows(rows)
    assert fields.tolist() == [[0, 12 + 19], [0, 12], [0, 12]]
    assert items[0].tolist() == [12, 12 + 3, 12]
    fields, items = dataclasses.replace(layout, buckets=4).table_rows(rows)
    assert fields.tolist() == [[0, 12 + 19], [1, 12 + 1], [4, 12 + 2]]
    assert items[0].tolist() == [12 + 1, 12 + 3, 12]


def test_a_model_in_use_that_cannot_be_read_does_not_keep_its_place(
    data: Path, tmp_path: Path
) -> None:
    work = Work(str(data), str(tmp_path / "now"), SETTINGS, current=str(tmp_path / "gone"))
    told = fit(work, Alone())
    assert "no whole checkpoint there" in told["current_unreadable"]
    assert "current" not in told
    assert told["metrics"]["test.auc"] > 0.8


def test_vectors_of_another_text_model_are_not_read() -> None:
    old, new = (dataclasses.replace(INPUTS, vectors=(Vector("text", 4, key),)) for key in "ab")
    assert reads(old, old)
    assert not reads(old, new)
    assert reads(INPUTS, new)


def test_decay_reaches_what_is_never_looked_up_where_it_is_told_to(
    data: Path, tmp_path: Path
) -> None:
    """The unknown user never comes: its vector stays as drawn, or fades."""
    told = {"epochs": 1, "embedding_decay": 1e-3}
    start = Table(Layout.of(INPUTS), build(SETTINGS.architecture, INPUTS), 7, torch.device("cpu"))
    unseen = int(Layout.of(INPUTS).offsets[0])
    lazy = trained(data, tmp_path / "lazy", **told)["table"]
    whole = trained(data, tmp_path / "whole", lazy=False, **told)["table"]
    assert torch.equal(lazy[unseen], start.weights[unseen])
    assert whole[unseen].norm() < 0.5 * start.weights[unseen].norm()
