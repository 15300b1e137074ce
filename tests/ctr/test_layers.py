"""Each layer against its formula, written out in numpy."""

import numpy as np
import pytest
import torch
from torch import nn

from nightshelf.ctr.batch import Batch
from nightshelf.ctr.field_layers import FieldVectors, FirstOrder, NumberVectors
from nightshelf.ctr.layers import (
    MLP,
    AttentionUnit,
    BilinearFusion,
    CrossNetwork,
    FeatureGate,
    HistoryMean,
    pairwise_products,
)
from nightshelf.fields import Categorical, History, Inputs, Numeric, Vector


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def array(value: torch.Tensor | nn.Parameter) -> np.ndarray:
    return value.detach().numpy()


def test_pairwise_products_are_the_sum_over_all_pairs() -> None:
    vectors = drawn(3, 5, 4)
    told = array(vectors)
    expected = np.zeros((3, 4))
    for i in range(5):
        for j in range(i + 1, 5):
            expected += told[:, i] * told[:, j]
    np.testing.assert_allclose(array(pairwise_products(vectors)), expected, rtol=1e-4, atol=1e-5)


def test_pairwise_products_by_hand() -> None:
    vectors = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, -1.0]]])
    assert pairwise_products(vectors).tolist() == [[1 * 3 + 1 * 5 + 3 * 5, 2 * 4 - 2 - 4]]


def test_pairwise_products_keep_their_precision_in_bf16() -> None:
    vectors = torch.full((1, 200, 1), 1.0)
    assert pairwise_products(vectors.bfloat16()).item() == 200 * 199 / 2


def test_a_cross_layer_by_hand() -> None:
    cross = CrossNetwork(2, 2)
    first, second = cross.layers
    first.weight.data = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    first.bias.data = torch.tensor([1.0, 0.0])
    second.weight.data = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    second.bias.data = torch.tensor([0.0, 3.0])
    # x0 = (2, 3): W x0 + b = (9, 3), x1 = (18, 9) + x0 = (20, 12);
    # W x1 + b = (12, 23), x2 = (24, 69) + x1 = (44, 81).
    assert cross(torch.tensor([[2.0, 3.0]])).tolist() == [[44.0, 81.0]]


def test_mlp_by_hand_and_without_hidden_layers() -> None:
    mlp = MLP(2, (2, 1))
    mlp.layers[0].weight.data = torch.tensor([[1.0, -1.0], [2.0, 0.0]])
    mlp.layers[2].weight.data = torch.tensor([[3.0, 0.5]])
    mlp.layers[2].bias.data = torch.tensor([1.0])
    assert mlp(torch.tensor([[1.0, 2.0], [3.0, 1.0]])).tolist() == [[2.0], [10.0]]
    assert mlp.out == 1
    assert MLP(2, ())(torch.tensor([[-1.0, 2.0]])).tolist() == [[-1.0, 2.0]]


@pytest.mark.parametrize(("norm", "axis"), [("batch", 0), ("layer", 1)])
def test_mlp_norms_before_its_relu(norm: str, axis: int) -> None:
    mlp = MLP(3, (4,), norm=norm)  # type: ignore[arg-type]
    x = drawn(6, 3)
    hidden = array(x) @ array(mlp.layers[0].weight).T
    scaled = (hidden - hidden.mean(axis, keepdims=True)) / np.sqrt(
        hidden.var(axis, keepdims=True) + 1e-5
    )
    np.testing.assert_allclose(array(mlp(x)), np.maximum(scaled, 0), atol=1e-4)


def test_history_mean_weighs_by_type_and_age() -> None:
    pool = HistoryMean(types=4, ages=4)
    history = torch.tensor([[[2.0], [4.0], [9.0]], [[7.0], [7.0], [7.0]]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    types, ages = torch.tensor([[1, 2, 0], [0, 0, 0]]), torch.tensor([[1, 3, 0], [0, 0, 0]])
    assert pool(history, mask, types, ages).tolist() == [[3.0], [0.0]]
    pool.types.data[2], pool.ages.data[3] = np.log(2.0), np.log(1.5)
    assert pool(history, mask, types, ages)[0].item() == pytest.approx((2 + 3 * 4) / 4)


def test_attention_unit_is_the_papers_formula() -> None:
    unit = AttentionUnit(2, (3,), types=3, ages=4)
    target, history = drawn(2, 2), drawn(2, 4, 2, seed=2)
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    types, ages = (
        torch.tensor([[1, 2, 1, 0], [2, 0, 0, 0]]),
        torch.tensor([[1, 2, 3, 0], [1, 0, 0, 0]]),
    )
    first, last = unit.mlp.layers[0], unit.weight
    expected = np.zeros((2, 2))
    for row in range(2):
        for place in range(int(mask[row].sum())):
            t, k = array(target)[row], array(history)[row, place]
            context = array(unit.types.weight)[types[row, place]]
            context = context + array(unit.ages.weight)[ages[row, place]]
            told = np.concatenate([t, k, t * k, t - k, context])
            hidden = np.maximum(array(first.weight) @ told + array(first.bias), 0)
            expected[row] += (array(last.weight) @ hidden + array(last.bias)) * k
    found = unit(target, history, mask, types, ages)
    np.testing.assert_allclose(array(found), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("held", [123.0, torch.nan, torch.inf])
def test_padded_places_have_no_influence_whatever_they_hold(held: float) -> None:
    unit, pool = AttentionUnit(2, (3,), types=3, ages=4), HistoryMean(types=3, ages=4)
    unit.weight.bias.data[0] = 1.0
    mask = torch.tensor([[True, False, False]])
    types, ages = torch.tensor([[1, 0, 0]]), torch.tensor([[2, 0, 0]])
    others = torch.tensor([[1, 2, 1]]), torch.tensor([[2, 3, 1]])
    history = drawn(1, 3, 2)
    filled = history.clone()
    filled[:, 1:] = held
    target = drawn(1, 2, seed=3)
    assert torch.equal(
        unit(target, history, mask, types, ages), unit(target, filled, mask, *others)
    )
    assert torch.equal(pool(history, mask, types, ages), pool(filled, mask, *others))
    filled.requires_grad_()
    unit(target, filled, mask, types, ages).sum().backward()
    assert filled.grad is not None
    assert filled.grad[:, 1:].abs().sum() == 0
    assert filled.grad[:, 0].abs().sum() > 0


def test_an_event_that_is_not_padded_does_have_influence() -> None:
    unit = AttentionUnit(2, (3,), types=3, ages=4)
    unit.weight.bias.data[0] = 1.0
    ids = torch.tensor([[1, 1, 0]])
    history, target = drawn(1, 3, 2), drawn(1, 2, seed=3)
    one, two = torch.tensor([[True, False, False]]), torch.tensor([[True, True, False]])
    assert not torch.allclose(
        unit(target, history, one, ids, ids), unit(target, history, two, ids, ids)
    )


def test_feature_gate_by_its_formula() -> None:
    gate = FeatureGate(4, context=2, hidden=3)
    x, context = drawn(5, 4), drawn(5, 2, seed=2)
    first, last = gate.mlp.layers[0], gate.gate
    hidden = np.maximum(array(context) @ array(first.weight).T + array(first.bias), 0)
    told = hidden @ array(last.weight).T + array(last.bias)
    expected = 2 / (1 + np.exp(-told)) * array(x)
    np.testing.assert_allclose(array(gate(x, context)), expected, rtol=1e-5, atol=1e-6)
    constant = FeatureGate(4, context=None, hidden=3)
    ratios = array(constant(x, None)) / array(x)
    np.testing.assert_allclose(ratios, np.tile(ratios[:1], (5, 1)), rtol=1e-5)


@pytest.mark.parametrize(("heads", "tasks"), [(1, 1), (2, 1), (2, 3)])
def test_bilinear_fusion_by_its_formula(heads: int, tasks: int) -> None:
    fusion = BilinearFusion(6, 4, heads=heads, tasks=tasks)
    fusion.left.bias.data = torch.arange(tasks).float()
    x, y = drawn(5, 6), drawn(5, 4, seed=2)
    expected = array(x) @ array(fusion.left.weight).T + np.arange(tasks)
    expected = expected + array(y) @ array(fusion.right.weight).T
    a, b = 6 // heads, 4 // heads
    for task in range(tasks):
        for head in range(heads):
            matrix = array(fusion.matrices)[head][:, task * b : (task + 1) * b]
            left, right = array(x)[:, head * a :][:, :a], array(y)[:, head * b :][:, :b]
            expected[:, task] += np.einsum("bi,ij,bj->b", left, matrix, right)
    np.testing.assert_allclose(array(fusion(x, y)), expected, rtol=1e-4, atol=1e-5)


INPUTS = Inputs(
    categorical=(Categorical("user_id", 5), Categorical("item_id", 5)),
    numeric=(Numeric("price"),),
    history=History("item_id", 3, types=3, ages=3),
    vectors=(Vector("text", 2), Vector("image", 1)),
    tasks=("click", "cart"),
)


def small_batch() -> Batch:
    ids = torch.tensor([[1, 2, 0], [0, 0, 0]])
    return Batch(
        fields=drawn(2, 2, 5),
        numbers=torch.tensor([[1.0], [-2.0]]),
        vectors=drawn(2, 3, seed=2),
        history=drawn(2, 3, 5, seed=3),
        mask=ids > 0,
        history_types=ids,
        history_ages=ids,
    )


def test_field_vectors_project_dense_vectors_and_pool_the_history() -> None:
    fields, batch = FieldVectors(INPUTS, 3), small_batch()
    told = array(fields(batch))
    assert told.shape == (2, fields.count, 3) == (2, 5, 3)
    np.testing.assert_array_equal(told[:, :2], array(batch.fields)[:, :, :3])
    image = array(batch.vectors)[:, 2:] @ array(fields.projections[1].weight).T
    np.testing.assert_allclose(told[:, 3], image, rtol=1e-5)
    assert batch.history is not None
    np.testing.assert_allclose(told[0, 4], array(batch.history)[0, :2, :3].mean(0), rtol=1e-5)
    assert told[1, 4].tolist() == [0, 0, 0]
    flat = fields.flatten(fields(batch), batch)
    assert flat.shape == (2, fields.flat) == (2, 16)
    assert flat[:, -1].tolist() == [1.0, -2.0]


def test_first_order_is_a_sum_for_each_task() -> None:
    layer, batch = FirstOrder(INPUTS, start=3), small_batch()
    assert layer.numbers is not None
    assert layer.vectors is not None
    layer.numbers.weight.data = torch.tensor([[2.0], [3.0]])
    layer.vectors.weight.data = drawn(2, 3, seed=5)
    layer.bias.data = torch.tensor([0.5, -0.5])
    assert batch.history is not None
    expected = array(batch.fields)[:, :, 3:5].sum(1) + np.array([0.5, -0.5])
    expected += array(batch.numbers) * [2.0, 3.0]
    expected += array(batch.vectors) @ array(layer.vectors.weight).T
    expected[0] += array(batch.history)[0, :2, 3:5].mean(0)
    np.testing.assert_allclose(array(layer(batch)), expected, rtol=1e-4, atol=1e-6)


def test_number_vectors_are_scaled_by_the_numbers() -> None:
    layer = NumberVectors(2, 2)
    layer.vectors.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert layer(torch.tensor([[10.0, -1.0]])).tolist() == [[[10.0, 20.0], [-3.0, -4.0]]]
