"""Fine-tuning learns what is planted, goes on after a break, and takes any number of ranks."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from pyspark.sql import SparkSession
from safetensors.numpy import load_file
from transformers import BertConfig, BertForSequenceClassification

from nightshelf.errors import ConfigError, DataQualityError
from nightshelf.learning import precision
from nightshelf.learning.distributed import Alone
from nightshelf.learning.plan import group_rows, planned
from nightshelf.learning.storage import Folder
from nightshelf.text import fine_tuning
from nightshelf.text.fine_tuning import FineTuning, Settings, TextWork, fit
from nightshelf.text.judge import JudgeLoader
from nightshelf.text.judging import judged
from nightshelf.text.networks import thin
from nightshelf.text.pairs import batches, shard
from tests.learning.two_ranks import trained_by_two
from tests.text import pair_sets
from tests.text.tiny import save

SETTINGS = Settings(batch_size=16, epochs=3, learning_rate=3e-3, embeddings=True, seed=3)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    return pair_sets.write(tmp_path_factory.mktemp("cross"), weights, rows=800, groups=4)


def work(weights: Path, data: Path, out: Path, **changes: Any) -> TextWork:
    settings = dataclasses.replace(SETTINGS, **changes)
    return TextWork(str(weights), str(data), str(out), settings)


def values(out: Path) -> dict[str, Any]:
    return load_file(out / "model.safetensors")


def test_a_cross_encoder_learns_what_is_clicked(weights: Path, data: Path, tmp_path: Path) -> None:
    told = fit(work(weights, data, tmp_path / "out"), Alone())
    assert told["metrics"]["test.ndcg@10"] > 0.95
    assert told["losses"][-1] < told["losses"][0]
    assert told["best_epoch"] == 1 + int(np.argmax(told["valid_ndcgs"]))
    judge = JudgeLoader(str(tmp_path / "out"), "fp32", pair_sets.MOST, 256)()
    found = judge(["blue mug", "red shoe", "blue mug"], ["red mug", "blue mug", "red lamp"])
    assert min(found[:2]) > found[2] + 0.1


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_same_seed_gives_the_same_weights(
    weights: Path, data: Path, tmp_path: Path, precision: str
) -> None:
    for name in ("first", "again"):
        fit(work(weights, data, tmp_path / name, epochs=1, precision=precision), Alone())
    first, again = (values(tmp_path / name) for name in ("first", "again"))
    assert all(np.array_equal(tensor, again[name]) for name, tensor in first.items())


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_less_exact_judges_say_about_the_same(
    weights: Path, data: Path, tmp_path: Path, precision: Any
) -> None:
    if precision == "int8":
        pytest.importorskip("onnxruntime")
    fit(work(weights, data, tmp_path / "out", epochs=1), Alone())
    pairs = ["blue mug", "red shoe", ""], ["red mug", "red lamp " * 30, "shoe"]
    exact = JudgeLoader(str(tmp_path / "out"), "fp32", pair_sets.MOST, 256)()(*pairs)
    loader = JudgeLoader(str(tmp_path / "out"), precision, pair_sets.MOST, 256)
    loader.prepare()
    assert np.abs(loader()(*pairs) - exact).max() < 0.05


def test_two_encoders_learn_to_find(weights: Path, tmp_path: Path) -> None:
    data = pair_sets.write(tmp_path / "bi", weights, rows=800, groups=2, kind="bi")
    before = FineTuning(work(weights, data, tmp_path / "no", kind="bi"), Alone())
    untrained = judged(*before.answers("test"))
    told = fit(work(weights, data, tmp_path / "out", kind="bi", temperature=0.1), Alone())
    assert told["losses"][-1] < told["losses"][0]
    assert told["metrics"]["test.auc"] > untrained["auc"] + 0.01


def test_a_student_learns_what_its_teacher_says(weights: Path, data: Path, tmp_path: Path) -> None:
    fit(work(weights, data, tmp_path / "teacher", patience=9), Alone())
    teacher = str(tmp_path / "teacher")
    student = TextWork(
        teacher, str(data), str(tmp_path / "out"), dataclasses.replace(SETTINGS, layers=1), teacher
    )
    fit(student, Alone())
    names = [name for name in values(tmp_path / "out") if ".layer." in name]
    assert {name.split(".layer.")[1][0] for name in names} == {"0"}
    pairs = ["blue mug", "red shoe", "blue mug"], ["red mug", "blue mug", "red lamp"]
    judges = (JudgeLoader(str(tmp_path / n), "fp32", 16, 256)() for n in ("teacher", "out"))
    says, learnt = (judge(*pairs) for judge in judges)
    assert np.abs(says - learnt).max() < 0.15


@pytest.mark.parametrize(("able", "taken"), [([True, True], "bf16"), ([True, False], "fp32")])
def test_half_precision_is_taken_where_all_ranks_multiply_it(
    monkeypatch: pytest.MonkeyPatch, able: list[bool], taken: str
) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda _: able[0])
    ranks = Alone()
    monkeypatch.setattr(ranks, "gathered", lambda own: np.append(own, able[1:]))
    cpu = torch.device("cpu")
    assert precision.chosen("auto", cpu, ranks) == taken
    assert precision.chosen("fp32", cpu, ranks) == "fp32"


@pytest.mark.parametrize("able", [False, True])
def test_what_was_chosen_is_told_and_kept_to(
    weights: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, able: bool
) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda _: able)
    named = "bf16" if able else "fp32"
    for name in ("auto", named):
        told = fit(work(weights, data, tmp_path / name, epochs=1, precision=name), Alone())
        assert told["precision"] == named
    chosen, wanted = (values(tmp_path / name) for name in ("auto", named))
    assert all(np.array_equal(chosen[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize(("layers", "kept"), [(1, [5]), (2, [2, 5]), (3, [1, 3, 5]), (6, range(6))])
def test_layers_are_left_out_evenly(layers: int, kept: Any) -> None:
    config = BertConfig(
        vocab_size=8, hidden_size=4, num_hidden_layers=6, num_attention_heads=1, intermediate_size=4
    )
    module = BertForSequenceClassification(config)
    before = list(module.bert.encoder.layer)
    thin(module, layers)
    assert [before.index(layer) for layer in module.bert.encoder.layer] == list(kept)
    with pytest.raises(ConfigError, match="expected 1 to"):
        thin(module, layers + 1)


def test_words_vectors_are_learnt_only_where_wanted(
    weights: Path, data: Path, tmp_path: Path
) -> None:
    name = "bert.embeddings.word_embeddings.weight"
    before = load_file(weights / "model.safetensors")[name.removeprefix("bert.")]
    for learnt in (False, True):
        out = tmp_path / str(learnt)
        fit(work(weights, data, out, epochs=1, embeddings=learnt), Alone())
        assert np.array_equal(values(out)[name], before) != learnt


def test_the_same_seed_gives_the_same_model(weights: Path, data: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        fit(work(weights, data, tmp_path / name, epochs=1, seed=seed), Alone())
    a, b, c = (values(tmp_path / name)["classifier.weight"] for name in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_it_goes_on_where_it_was_broken_off(
    weights: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(work(weights, data, tmp_path / "whole", checkpoint_steps=7), Alone())
    steps = 0
    step: Callable[..., float] = FineTuning._step

    def broken(self: FineTuning, *told: Any) -> float:
        nonlocal steps
        steps += 1
        if steps == 70:
            raise KeyboardInterrupt
        return step(self, *told)

    monkeypatch.setattr(fine_tuning.FineTuning, "_step", broken)
    torn = work(weights, data, tmp_path / "torn", checkpoint_steps=7)
    with pytest.raises(KeyboardInterrupt):
        fit(torn, Alone())
    told = fit(torn, Alone())
    assert told["losses"] == pytest.approx(whole["losses"], rel=1e-6)
    for name, expected in values(tmp_path / "whole").items():
        assert np.array_equal(values(tmp_path / "torn")[name], expected), name


def test_no_number_stops_it(weights: Path, data: Path, tmp_path: Path) -> None:
    wild = work(weights, data, tmp_path / "wild", learning_rate=1e30, warm_up=0.0)
    with pytest.raises(DataQualityError, match="no finite numbers"):
        fit(wild, Alone())


@pytest.mark.slow
@pytest.mark.long
def test_two_ranks_learn_what_one_does(
    spark: SparkSession, weights: Path, data: Path, tmp_path: Path
) -> None:
    told = trained_by_two(
        spark, work(weights, data, tmp_path / "two", patience=9, precision="auto")
    )
    assert told["steps"] == 150
    assert told["metrics"]["test.ndcg@10"] > 0.95
    assert told["metrics"]["test.rows"] == 160


def test_every_pair_is_in_one_batch_of_an_epoch(data: Path) -> None:
    groups = group_rows(Folder(str(data / "train")))
    tables = (pq.read_table(path) for path in (data / "train").iterdir())
    expected = sorted(weight for table in tables for weight in table["weight"].to_pylist())
    for ranks in (1, 2, 3):
        plan = planned(groups, ranks, 16)
        seen: list[float] = []
        for rank in range(ranks):
            own = list(batches(shard(Folder(str(data / "train")), rank, ranks), plan, 5))
            assert [len(pairs) for pairs in own] == list(plan.sizes(rank))
            seen += [float(weight) for pairs in own for weight in pairs.weights]
        assert sorted(seen) == expected
