"""What every network keeps to, and what each can learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nightshelf.ctr.batch import Batch
from nightshelf.ctr.layers import in_batch_logits
from nightshelf.ctr.models import Network, build
from nightshelf.ctr.models.two_tower import TwoTower
from nightshelf.errors import ConfigError
from nightshelf.fields import Inputs, Rows
from tests.ctr.planted import INPUTS, NAMES, PLAIN, SMALL, Table, fitted, rows_of

WIDTHS = {"lr": 0, "fm": 4, "deepfm": 4, "dcn_v2": 4, "din": 4, "final_mlp": 4}
WITH_FIRST_ORDER = {"lr", "fm", "deepfm"}


def made(name: str, inputs: Inputs = INPUTS, seed: int = 0, **told: object) -> Network:
    torch.manual_seed(seed)
    return build(replace(SMALL, name=name, **told), inputs)  # type: ignore[arg-type]


def looked_up(network: Network, inputs: Inputs = INPUTS, count: int = 6) -> Batch:
    torch.manual_seed(1)
    return Table(inputs, network.width)(rows_of(inputs, count))


@pytest.mark.parametrize("inputs", [INPUTS, PLAIN], ids=["all inputs", "ids alone"])
@pytest.mark.parametrize("name", NAMES)
def test_a_network_gives_a_logit_a_task(name: str, inputs: Inputs) -> None:
    network, tasks = made(name, inputs), len(inputs.tasks)
    first_order = tasks if name in WITH_FIRST_ORDER else 0
    assert (network.width, network.first_order) == (WIDTHS[name] + first_order, first_order)
    logits = network(looked_up(network, inputs))
    assert logits.shape == (6, tasks)
    assert logits.dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_and_every_input_is_learnt_from(name: str) -> None:
    network = made(name)
    for parameter in network.parameters():  # biases and weights that are 0 at first
        torch.nn.init.normal_(parameter, std=0.5)
    table = Table(INPUTS, network.width)
    batch = table(rows_of(INPUTS, 64))
    inputs = [batch.numbers.requires_grad_(), batch.vectors.requires_grad_()]
    network(batch).square().sum().backward()
    idle = [
        at for at, told in network.named_parameters() if told.grad is None or not told.grad.any()
    ]
    assert idle == []
    assert all(told.grad is not None and (told.grad != 0).any(0).all() for told in inputs)
    assert table.weight.grad is not None
    used = {int(n) + 8 for n in rows_of(INPUTS, 64).history[:, :4].ravel() if n}
    assert (table.weight.grad[sorted(used)] != 0).any(1).all()


@pytest.mark.parametrize("name", NAMES)
def test_padded_places_of_a_history_do_not_count(name: str) -> None:
    network = made(name).eval()
    batch = looked_up(network)
    assert batch.history is not None
    assert batch.mask is not None
    noise = torch.where(batch.mask.unsqueeze(-1), batch.history, torch.nan)
    assert torch.equal(network(batch), network(replace(batch, history=noise)))
    changed = torch.where(batch.mask.unsqueeze(-1), batch.history + 1, batch.history)
    logits = network(replace(batch, history=changed))
    has_events = batch.mask.any(1)
    assert has_events.any()
    assert not has_events.all()
    assert (logits != network(batch)).any(1).tolist() == has_events.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_network(name: str) -> None:
    one, two, other = made(name), made(name), made(name, seed=5)
    batch = looked_up(one)
    assert torch.equal(one(batch), two(batch))
    assert name == "lr" or not torch.equal(one(batch), other(batch))


@pytest.mark.parametrize("name", NAMES)
def test_bf16_gives_about_the_same_logits_and_gradients(name: str) -> None:
    network = made(name)
    batch = looked_up(network, count=32)
    plain = network(batch)
    with torch.autocast("cpu", torch.bfloat16):
        told = network(batch)
    assert told.dtype == torch.float32
    assert torch.allclose(told, plain, atol=0.05)
    told.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_norm_and_dropout_are_off_in_eval(norm: str) -> None:
    network = made("dcn_v2", norm=norm, dropout=0.5)
    batch = looked_up(network)
    assert not torch.equal(network(batch), network(batch))
    network.eval()
    assert torch.equal(network(batch), network(batch))


def test_a_name_that_is_no_network_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected one of dcn_v2, .* found 'dcn'"):
        made("dcn")


def test_heads_that_do_not_divide_the_hidden_layer_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"3 heads do not divide .* 8 numbers"):
        made("final_mlp", heads=3)


def agreeing() -> Rows:
    """All pairs of 7 users and 7 items; the label is whether both are odd or both even."""
    users, items = (told.ravel() for told in np.meshgrid(np.arange(1, 8), np.arange(1, 8)))
    labels = ((users + items) % 2 == 0).astype(np.float32)[:, None]
    ids = np.stack([users, items, np.ones_like(users)], axis=1).astype(np.int32)
    return replace(rows_of(PLAIN, len(users)), ids=ids, labels=labels)


@pytest.mark.parametrize("name", NAMES)
def test_all_but_lr_learn_that_two_fields_agree(name: str) -> None:
    network, rows = made(name, PLAIN), agreeing()
    found = fitted(network, Table(PLAIN, network.width), rows)
    right = ((found > 0.5).numpy() == (rows.labels > 0.5)).mean()
    if name == "lr":
        assert right < 0.9
    else:
        assert right == 1.0


@pytest.mark.parametrize("name", ["fm", "deepfm", "dcn_v2", "din", "final_mlp"])
def test_the_history_tells_whether_the_item_was_seen(name: str) -> None:
    inputs = replace(INPUTS, numeric=(), vectors=(), tasks=("click",))
    rows = rows_of(inputs, 200)
    items, seen = rows.ids[:, 1:2], rows.history[:, :4]
    labels = (items == seen).any(1, keepdims=True).astype(np.float32)
    assert 0.1 < labels.mean() < 0.9
    ids = rows.ids.copy()
    ids[:, 0] = 1  # a user's id says nothing
    rows = replace(rows, ids=ids, labels=labels)
    network = made(name, inputs)
    found = fitted(network, Table(inputs, network.width), rows, steps=200)
    assert ((found > 0.5).numpy() == (labels > 0.5)).mean() > 0.95


def test_tasks_are_learnt_side_by_side() -> None:
    inputs = replace(PLAIN, tasks=("click", "cart"))
    rows = agreeing()
    rows = replace(rows, labels=np.concatenate([rows.labels, 1 - rows.labels], axis=1))
    network = made("fm", inputs)
    found = fitted(network, Table(inputs, network.width), rows)
    assert ((found > 0.5).numpy() == (rows.labels > 0.5)).all()


USERS, ITEMS = ("user_id", "age"), ("item_id", "shop", "price", "text")


def towers() -> TwoTower:
    torch.manual_seed(0)
    return TwoTower(SMALL, INPUTS, users=USERS, items=ITEMS, temperature=0.5)


def test_towers_read_their_own_side() -> None:
    network = towers()
    batch = looked_up(network)
    users, items = network.users(batch), network.items(batch)
    for told in (users, items):
        assert torch.allclose(told.norm(dim=1), torch.ones(6))
    fields = batch.fields.clone()
    fields[:, 1:] += 1
    others = replace(
        batch,
        fields=fields,
        vectors=batch.vectors + 1,
        numbers=batch.numbers + torch.tensor([1.0, 0]),
    )
    assert torch.equal(network.users(others), users)
    assert not torch.equal(network.items(others), items)
    fields = batch.fields.clone()
    fields[:, 0] += 1
    assert batch.history is not None
    others = replace(
        batch,
        fields=fields,
        history=batch.history + 1,
        numbers=batch.numbers + torch.tensor([0, 1.0]),
    )
    assert torch.equal(network.items(others), items)
    assert not torch.equal(network.users(others), users)
    assert torch.allclose(network(batch)[:, 0], (users * items).sum(1) / 0.5)


def test_a_name_on_no_side_or_on_both_is_refused() -> None:
    with pytest.raises(ConfigError, match="found colour, user_id in none or in both"):
        TwoTower(SMALL, INPUTS, users=USERS, items=("user_id", "colour"))


def test_in_batch_logits_by_hand() -> None:
    users = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    vectors = torch.tensor([[0.6, 0.8], [0.8, 0.6], [0.6, 0.8]])
    items = torch.tensor([5, 7, 5])
    log_q = torch.tensor([0.5, 0.25, 0.5]).log()
    told = in_batch_logits(users, vectors, items, log_q, temperature=0.5)
    half, quarter = float(np.log(2)), float(np.log(4))
    no = -float("inf")
    expected = [
        [1.2 + half, 1.6 + quarter, no],
        [1.6 + half, 1.2 + quarter, 1.6 + half],
        [no, 1.6 + quarter, 1.2 + half],
    ]
    assert torch.allclose(told, torch.tensor(expected))


def test_two_towers_learn_pairs_from_a_batch() -> None:
    inputs = replace(PLAIN, categorical=PLAIN.categorical[:2])
    torch.manual_seed(0)
    network = TwoTower(SMALL, inputs, users=("user_id",), items=("item_id",), temperature=0.2)
    table = Table(inputs, network.width)
    ids = np.array([[n, 1 + (3 * n) % 7] for n in range(1, 8)], np.int32)
    rows = replace(rows_of(inputs, 7), ids=ids)
    items, log_q = torch.from_numpy(ids[:, 1]).long(), torch.full((7,), -np.log(7.0))
    optimiser = torch.optim.Adam([*network.parameters(), *table.parameters()], lr=0.02)
    for _ in range(100):
        optimiser.zero_grad()
        logits = network.in_batch(table(rows), items, log_q)
        torch.nn.functional.cross_entropy(logits, torch.arange(7)).backward()
        optimiser.step()
    batch = table(rows)
    best = (network.users(batch) @ network.items(batch).T).argmax(1)
    assert best.tolist() == list(range(7))
