"""The compiled loops against plain numpy and torch."""

import numpy as np
import pytest
import torch

from nightshelf.ctr import kernel
from nightshelf.ctr.models.lr import LR
from nightshelf.ctr.table import Layout, Table
from nightshelf.learning.touched import compact, sums_by_place
from tests.ctr.training_sets import INPUTS

ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def test_compact_gives_each_row_a_place() -> None:
    marks = np.full(10, -1, np.int32)
    touched, places = compact(np.array([7, 2, 7, 9, 2], np.int32), marks)
    assert touched.tolist() == [2, 7, 9]
    assert places.tolist() == [1, 0, 1, 2, 0]
    assert (marks == -1).all()
    few = np.full(1_000, -1, np.int32)  # so few that they are sorted
    assert [a.tolist() for a in compact(np.array([9, 2, 9], np.int32), few)] == [
        [2, 9],
        [1, 0, 1],
    ]
    assert (few == -1).all()


def test_sums_by_place() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)
    found = sums_by_place(np.array([1, 0, 1], np.int32), values, 2)
    assert found.tolist() == [[3.0, 4.0], [6.0, 8.0]]


def test_adam_is_that_of_torch_where_every_row_is_touched() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(6, 3)).astype(np.float32)
    ours = weights.copy()
    moments = (np.zeros_like(ours), np.zeros_like(ours))
    theirs = torch.nn.Parameter(torch.from_numpy(weights.copy()))
    adam = torch.optim.Adam([theirs], lr=0.01, weight_decay=0.1)
    order = np.array([3, 1, 5, 0, 2, 4], np.int32)
    for step in range(1, 6):
        gradients = rng.normal(size=(6, 3)).astype(np.float32)
        theirs.grad = torch.from_numpy(gradients)
        adam.step()
        kernel.adam(ours, moments, order, gradients[order], rate=0.01, step=step, decay=0.1)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=2e-5, atol=1e-6)


def test_adam_leaves_rows_alone_that_are_not_touched() -> None:
    weights = np.ones((3, 2), np.float32)
    moments = (np.zeros_like(weights), np.zeros_like(weights))
    gradients = np.ones((1, 2), np.float32)
    kernel.adam(weights, moments, np.array([1], np.int32), gradients, rate=0.1, step=1, decay=0.0)
    np.testing.assert_allclose(weights, [[1, 1], [0.9, 0.9], [1, 1]], rtol=1e-6)


def test_adam_does_the_same_by_any_number_of_threads() -> None:
    rng = np.random.default_rng(1)
    touched = np.sort(rng.permutation(2_000)[:1_037]).astype(np.int32)
    gradients = rng.normal(size=(1_037, 5)).astype(np.float32)
    start = rng.normal(size=(3, 2_000, 5)).astype(np.float32) ** 2
    found = []
    for threads in (1, 2, 3):
        weights, *moments = start.copy()
        kernel.adam(
            weights, (moments[0], moments[1]), touched, gradients,
            rate=0.1, step=3, decay=0.1, threads=threads,
        )  # fmt: skip
        found.append(np.stack([weights, *moments]))
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()
    assert (found[0] != start).any(axis=(0, 2)).sum() == len(touched)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=ON_GPU)])
def test_a_gpus_step_of_adam_is_that_of_the_loop(device: str) -> None:
    """By torch's functions, on whatever device."""
    table = Table(Layout.of(INPUTS), LR(INPUTS), 1, torch.device(device))
    weights = table.weights.cpu().numpy().copy()
    moments = (np.zeros_like(weights), np.zeros_like(weights))
    rng = np.random.default_rng(0)
    for step in range(1, 6):
        touched = np.sort(rng.permutation(len(weights))[:10]).astype(np.int32)
        gradients = rng.normal(size=(10, weights.shape[1])).astype(np.float32)
        kernel.adam(weights, moments, touched, gradients, rate=0.01, step=step, decay=0.1)
        told = [torch.from_numpy(array).to(device) for array in (touched, gradients)]
        table._step_on_gpu(*told, rate=0.01, step=step, decay=0.1)
    np.testing.assert_allclose(table.weights.cpu().numpy(), weights, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(table.moments, moments, strict=True):
        np.testing.assert_allclose(ours.cpu().numpy(), theirs, rtol=1e-5, atol=1e-7)


def test_a_gpu_finds_the_rows_that_the_loop_finds() -> None:
    wanted = np.random.default_rng(2).integers(0, 50, (30, 4)).astype(np.int32)
    touched, places = compact(wanted.ravel(), np.full(50, -1, np.int32))
    found, at = torch.unique(torch.from_numpy(wanted), return_inverse=True)
    np.testing.assert_array_equal(found.numpy(), touched)
    np.testing.assert_array_equal(at.numpy(), places.reshape(wanted.shape))
