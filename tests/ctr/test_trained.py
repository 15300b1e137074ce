"""A stored model: rows that share a history, and files of another version."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nightshelf.ctr.models import build
from nightshelf.ctr.table import Layout
from nightshelf.ctr.trained import MODEL, Trained, rows_at_once
from nightshelf.errors import DataQualityError
from nightshelf.fields import Rows
from nightshelf.learning import checkpoint
from nightshelf.learning.storage import Folder
from tests.ctr.planted import INPUTS, NAMES, SMALL, rows_of

ROWS = 5_000  # more than are scored at once
HISTORIES = 40


def made(name: str) -> Trained:
    torch.manual_seed(0)
    network = build(replace(SMALL, name=name), INPUTS)
    return Trained(SMALL, INPUTS, network, torch.randn(Layout.of(INPUTS).rows, network.width) * 0.3)


def shared() -> Rows:
    """Rows of which many have the same history, as the candidates of a user."""
    histories = rows_of(INPUTS, HISTORIES, seed=5).history
    owner = np.sort(np.random.default_rng(0).integers(0, HISTORIES, ROWS))
    return replace(rows_of(INPUTS, ROWS), history=histories, owner=owner)


@pytest.mark.parametrize("name", NAMES)
def test_a_shared_history_scores_as_a_copy_of_it(name: str) -> None:
    model, rows = made(name), shared()
    found, expected = model.logits(rows), model.logits(rows.whole())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert np.ptp(expected[:, 0]) > 0.1


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_longer_histories_are_scored_fewer_at_once(kind: str) -> None:
    device = torch.device(kind)
    most = rows_at_once(device, 0)
    assert most == rows_at_once(device, 1) == {"cpu": 2_048, "cuda": 65_536}[kind]
    for length in (50, 200, 10_000):
        assert rows_at_once(device, length) == min(most, 2**20 // length)
    assert rows_at_once(device, 2**21) == 1


def test_rows_keep_their_histories_wherever_they_are_taken() -> None:
    rows = shared()
    places = np.random.default_rng(1).permutation(ROWS)[:17]
    some, expected = rows.take(places), rows.whole().take(places)
    assert len(some.history) < HISTORIES
    for array, other in zip(some.whole().arrays(), expected.arrays(), strict=True):
        np.testing.assert_array_equal(array, other)
    assert len(rows.take(slice(0, 0))) == len(rows.take(slice(0, 0)).history) == 0


def test_layers_of_another_version_are_refused_in_one_line(tmp_path: Path) -> None:
    folder, model = Folder(str(tmp_path)), made("dcn_v2")
    model.architecture = replace(SMALL, name="dcn_v2")
    model.save(folder)
    tensors, told = checkpoint.read(folder, MODEL)
    tensors["network.head.weight"] = tensors["network.head.weight"][:, 1:].contiguous()
    checkpoint.write(folder, MODEL, tensors, told)
    with pytest.raises(DataQualityError, match="dcn_v2 are not those of this version; train again"):
        Trained.load(folder)
