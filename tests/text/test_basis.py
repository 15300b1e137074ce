"""Reduced vectors: principal components, as scikit-learn finds them."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from nightshelf.learning.storage import Folder
from nightshelf.text.basis import Basis, fit


def test_as_scikit_learn_finds_them(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 12)) @ np.diag(np.arange(12, 0, -1.0))
    basis = fit(vectors.astype(np.float32), 3)
    found, expected = basis(vectors.astype(np.float32)), PCA(3).fit_transform(vectors)
    assert found.var(0).mean() == pytest.approx(1.0, rel=1e-4)
    for n in range(3):
        assert abs(np.corrcoef(found[:, n], expected[:, n])[0, 1]) == pytest.approx(1.0, abs=1e-6)
    basis.save(Folder(str(tmp_path)), "basis")
    kept = Basis.load(Folder(str(tmp_path)), "basis")
    assert kept is not None
    assert np.array_equal(kept(vectors.astype(np.float32)), found)
    (tmp_path / "basis.safetensors").write_bytes(b"torn")
    assert Basis.load(Folder(str(tmp_path)), "basis") is None


def test_fewer_texts_than_numbers() -> None:
    basis = fit(np.ones((1, 4), np.float32), 8)
    assert basis(np.ones((2, 4), np.float32)).tolist() == [[0.0] * 4] * 2
    # What nothing was learnt of is not blown up.
    assert np.abs(basis(np.zeros((1, 4), np.float32))).max() < 10
