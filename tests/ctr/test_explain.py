"""Attributions against what a linear network and the completeness axiom say they must be."""

import builtins
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nightshelf.ctr.architecture import Architecture
from nightshelf.ctr.explain import attributions, check_installed, top_features
from nightshelf.ctr.models import build
from nightshelf.ctr.scorer import ExplainerLoader
from nightshelf.ctr.trained import Trained
from nightshelf.errors import ConfigError
from nightshelf.fields import Categorical, Inputs, Numeric, Rows
from nightshelf.learning.storage import Folder
from tests.ctr.planted import INPUTS, NAMES, SMALL, Table, rows_of

FIELD_NAMES = ["user_id", "item_id", "shop", "price", "age", "text", "recent"]


def blank(rows: Rows) -> Rows:
    return Rows(*(np.zeros_like(told) for told in rows.arrays()))


def linear() -> tuple[torch.nn.Module, Table, Rows]:
    """An LR in which what each field adds to the logit is known."""
    inputs = replace(INPUTS, tasks=("click",))
    network = build(replace(SMALL, name="lr"), inputs)
    network.linear.numbers.weight.data = torch.tensor([[2.0, -1.0]])
    network.linear.vectors.weight.data = torch.tensor([[1.0, 1.0, 0.0]])
    table = Table(inputs, 1)
    table.weight.data = torch.arange(20.0).unsqueeze(1)  # users 0-7, items 8-15, shops 16-19
    rows = replace(
        rows_of(inputs, 2),
        ids=np.array([[1, 5, 0], [0, 2, 3]], np.int32),
        numbers=np.array([[1.5, 1.0], [0.0, -4.5]], np.float32),
        history=np.array([[2, 6, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0], [0] * 12], np.int32),
        vectors=np.array([[1.0, 1.5, 9.0], [0.5, 0.0, 0.0]], np.float32),
    )
    return network, table, rows


def test_a_linear_networks_attributions_are_its_terms() -> None:
    network, table, rows = linear()
    found, names = attributions(network, table, rows, inputs=table.inputs)
    assert names == FIELD_NAMES
    expected = [[1, 5, 0, 3, -1, 2.5, 4], [0, 2, 3, 0, 4.5, 0.5, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_top_features_are_those_that_raise_the_score_most() -> None:
    network, table, rows = linear()
    told = top_features(network, table, rows, 3, inputs=table.inputs)
    assert told == [["item_id", "recent", "price"], ["age", "shop", "item_id"]]
    told = top_features(network, table, rows, 9, inputs=table.inputs, left_out={"item_id"})
    assert told == [["recent", "price", "text", "user_id"], ["age", "shop", "text"]]
    assert top_features(network, table, rows.take(slice(0)), 3, inputs=table.inputs) == []


@pytest.mark.parametrize("name", NAMES)
def test_attributions_add_up_to_the_change_of_the_logit(name: str) -> None:
    torch.manual_seed(0)
    network = build(replace(SMALL, name=name, dropout=0.5), INPUTS)
    table, rows = Table(INPUTS, network.width), rows_of(INPUTS, 900)
    found, _ = attributions(network, table, rows, inputs=INPUTS, task=1)
    assert network.training
    network.eval()
    batch = table(rows)
    base = replace(
        table(blank(rows)),
        mask=batch.mask,
        history_types=batch.history_types,
        history_ages=batch.history_ages,
    )
    with torch.no_grad():
        change = (network(batch) - network(base))[:, 1].numpy()
    assert np.abs(change).max() > 0.05
    errors = np.abs(found.sum(1) - change)
    assert errors.mean() < 0.06 * np.abs(change).mean()
    assert errors.max() < 0.1


def test_a_stored_model_names_its_planted_features(tmp_path: Path) -> None:
    inputs = Inputs(
        categorical=(Categorical("user_id", 3), Categorical("position", 4)),
        numeric=(Numeric("price_log"), Numeric("item_cf"), Numeric("age_days")),
    )
    config = Architecture("lr")
    network = build(config, inputs)
    network.linear.numbers.weight.data = torch.tensor([[0.5, 2.0, -1.0]])
    table = torch.tensor([[0.0], [0.75], [0.0], [0.0], [9.0], [9.0], [9.0]])
    Trained(config, inputs, network, table).save(Folder(str(tmp_path)))
    rows = replace(
        rows_of(inputs, 3),
        ids=np.array([[1, 1], [2, 1], [0, 1]], np.int32),
        numbers=np.array([[1, 1, 1], [1, -1, -3], [-1, -1, 1]], np.float32),
    )
    explain = pickle.loads(pickle.dumps(ExplainerLoader(str(tmp_path), 2, ("position",))))()
    assert explain(rows) == [["item_cf", "user_id"], ["age_days", "price_log"], []]


def test_without_captum_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def refuse(name: str, *args: object, **told: object) -> object:
        if name.startswith("captum"):
            raise ImportError(name)
        return imported(name, *args, **told)  # type: ignore[arg-type]

    network, table, rows = linear()
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError, match=r"nightshelf\[explain\]"):
        top_features(network, table, rows, 3, inputs=table.inputs)
    with pytest.raises(ConfigError, match=r"set recommend\.explain to 0"):
        check_installed()
