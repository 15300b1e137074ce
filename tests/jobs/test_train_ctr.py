"""The ranking model's training, where it goes wrong."""

from pathlib import Path
from typing import Any

import pytest

from nightshelf.errors import RetryLaterError
from nightshelf.jobs import train_ctr
from nightshelf.learning.launch import Launch
from nightshelf.tables import OPS_MODELS
from tests.features import sample_shop as shop_of_features
from tests.jobs.conftest import Invoke, Shop


def test_a_training_that_fails_leaves_no_files(
    invoke: Invoke, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = shop.folder / "warehouse"
    encoding = warehouse / "training" / "2026-11-24" / "encoding"
    encoding.mkdir(parents=True)
    for name in ("encoding.json", "vocabularies.parquet"):
        (encoding / name).write_text("{}")
    begun = []

    def breaks(_: Launch) -> dict[str, Any]:
        begun.extend(path.name for path in (warehouse / "models").glob("*/encoding/*"))
        raise RetryLaterError("the training broke 3 times")

    monkeypatch.setattr(train_ctr, "check_samples", lambda *_: None)
    monkeypatch.setattr(Launch, "run", breaks)
    ended = invoke("train_ctr", "--conf-file", shop.conf, "--ds", "2026-11-24")
    assert (ended.code, ended.error) == (75, "the training broke 3 times")
    assert sorted(begun) == ["encoding.json", "vocabularies.parquet"]
    assert list((warehouse / "models").iterdir()) == []
    assert shop.store.version(OPS_MODELS) is None


def test_without_a_whole_encoding_a_model_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Any = None
    folder = str(tmp_path)
    monkeypatch.setattr(train_ctr.model, "model_in_use", lambda *_: ("m", folder))
    assert train_ctr._in_use(run) == (None, 0)
    shop_of_features.draft().save(tmp_path / "encoding")
    assert train_ctr._in_use(run) == (folder, shop_of_features.BUCKETS)
