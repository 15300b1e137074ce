"""The one embedding table of all fields, and what a batch looks up in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.adam import adam

from nightshelf.ctr import kernel
from nightshelf.ctr.architecture import Network
from nightshelf.ctr.batch import Batch, copied
from nightshelf.fields import UNKNOWN, Inputs, Ints, Rows
from nightshelf.learning.flat import BETA1, BETA2, EPSILON
from nightshelf.learning.touched import compact, sums_by_place

SPREAD: Final = 0.01
"""Standard deviation of the first vectors."""


@dataclass(frozen=True)
class Looked:
    """What a batch looks up: its touched rows, and where in them each looked-up vector is.

    touched (U,) distinct rows of the table in order, places (B, F + L); where the table is.
    """

    touched: Tensor
    places: Tensor


@dataclass(frozen=True)
class Layout:
    """Where the fields of `inputs` lie in the table: field n's ids begin at row `offsets[n]`.

    buckets: ids from 1 on that rare values share, and so do values newer than the table.
    """

    inputs: Inputs
    offsets: NDArray[np.int32]
    rows: int
    buckets: int = 0

    @staticmethod
    def of(inputs: Inputs) -> "Layout":
        """The fields one behind the other."""
        sizes = np.array([field.size for field in inputs.categorical], np.int64)
        ends = np.cumsum(sizes)
        return Layout(inputs, (ends - sizes).astype(np.int32), int(ends[-1]))

    @property
    def target(self) -> int | None:
        """The place of the field whose ids the history shares; None without a history."""
        if self.inputs.history is None:
            return None
        return self.inputs.categorical_columns.index(self.inputs.history.field)

    def table_rows(self, rows: Rows) -> tuple[Ints, Ints]:
        """(B, F), (H, L): the table's row of each categorical id and of each history's items.

        An id that the table has not, such as one newer than the model, is read as one of the
        buckets; without any, as unknown.
        """
        sizes = np.array([field.size for field in self.inputs.categorical], np.int32)
        fields = np.ascontiguousarray(self._known(rows.ids, sizes) + self.offsets, np.int32)
        if self.inputs.history is None or self.target is None:
            return fields, np.empty((len(rows.history), 0), np.int32)
        items = rows.history[:, : self.inputs.history.length]
        known = self._known(items, sizes[self.target]) + self.offsets[self.target]
        return fields, np.ascontiguousarray(known, np.int32)

    def _known(self, ids: Ints, sizes: Ints) -> Ints:
        newer = 1 + ids % self.buckets if self.buckets else UNKNOWN
        return np.where(ids < 0, UNKNOWN, np.where(ids < sizes, ids, newer))


class Lookup:
    """Finds the rows that batches touch; one for each thread that does."""

    def __init__(self, layout: Layout, device: torch.device) -> None:
        self._layout, self._device = layout, device
        self._marks = np.full(layout.rows, -1, np.int32)

    def __call__(self, rows: Rows) -> Looked:
        """The rows that a batch touches."""
        wanted = np.concatenate(self._layout.table_rows(rows), axis=1)
        if self._device.type == "cuda":
            there = torch.from_numpy(wanted).to(self._device)
            return Looked(*torch.unique(there, return_inverse=True))
        touched, places = compact(wanted.ravel(), self._marks)
        return Looked(torch.from_numpy(touched), torch.from_numpy(places.reshape(wanted.shape)))


def near(rows: Rows, device: torch.device) -> Rows:
    """The rows in memory from which a GPU takes them several times as fast; on a CPU as they are.

    Only what networks and losses read.
    """
    if device.type != "cuda":
        return rows
    arrays = {name: getattr(rows, name) for name in ("numbers", "history", "vectors", "labels")}
    pinned = {n: torch.from_numpy(a).pin_memory().numpy() for n, a in arrays.items() if a.size}
    return replace(rows, **pinned)


class Table:
    """Vectors (V, W) and their Adam moments; only rows that a batch touches are read or changed.

    Unless a step is told of rows `everywhere`.
    """

    def __init__(self, layout: Layout, network: Network, seed: int, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(seed)
        weights = torch.empty(layout.rows, network.width).normal_(0.0, SPREAD, generator=generator)
        weights[:, network.width - network.first_order :] = 0.0
        self.weights = weights.to(device)
        self.moments = (torch.zeros_like(self.weights), torch.zeros_like(self.weights))

    def vectors(self, touched: Tensor) -> Tensor:
        """(U, W): the rows' vectors, as a leaf that gathers their gradients."""
        return self.weights.index_select(0, touched).requires_grad_()

    def everywhere(self, touched: Tensor, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """The same with all rows (V,), of which those not touched have gradients of 0."""
        every = torch.arange(len(self.weights), dtype=torch.int32, device=touched.device)
        return every, torch.zeros_like(self.weights).index_copy_(0, touched.long(), gradients)

    def step(
        self, touched: Tensor, gradients: Tensor, *, rate: float, step: int, decay: float
    ) -> None:
        """One step of Adam on the rows touched; see `kernel.adam`."""
        if self.weights.is_cuda:
            self._step_on_gpu(touched, gradients, rate=rate, step=step, decay=decay)
            return
        first, second = (moment.numpy() for moment in self.moments)
        kernel.adam(
            self.weights.numpy(),
            (first, second),
            touched.numpy(),
            gradients.numpy(),
            rate=rate,
            step=step,
            decay=decay,
            threads=torch.get_num_threads(),
        )

    def _step_on_gpu(
        self, touched: Tensor, gradients: Tensor, *, rate: float, step: int, decay: float
    ) -> None:
        tables = (self.weights, *self.moments)
        weights, first, second = (table[touched] for table in tables)
        adam(
            [weights], [gradients], [first], [second], [],
            [torch.full((), step - 1.0, device=weights.device)],
            fused=True, amsgrad=False, maximize=False,
            beta1=BETA1, beta2=BETA2, eps=EPSILON, lr=rate, weight_decay=decay,
        )  # fmt: skip
        with _in_any_order():
            for table, rows in zip(tables, (weights, first, second), strict=True):
                table[touched] = rows

    def state(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        return {"weights": self.weights, "first": self.moments[0], "second": self.moments[1]}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from a checkpoint's tensors."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])


@contextmanager
def _in_any_order() -> Iterator[None]:
    """Writes to distinct rows come out the same in any order; torch would sort them first."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)


class _Lookup(torch.autograd.Function):
    """vectors (U, W), places (N,) -> (N, W); its gradient is summed by place, in order."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.count = len(vectors)
        return vectors.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        values = gradient.contiguous().numpy()
        return torch.from_numpy(sums_by_place(places.numpy(), values, ctx.count)), None


def looked_up(vectors: Tensor, places: Tensor) -> Tensor:
    """(B, P, W): the vectors (U, W) at places (B, P).

    On a CPU by kernels of our own: torch's gradient of an embedding takes one thread, and longer.
    """
    if vectors.is_cuda or not vectors.requires_grad:
        return nn.functional.embedding(places, vectors)
    looked: Tensor = _Lookup.apply(vectors, places.flatten())  # type: ignore[no-untyped-call]
    return looked.view(*places.shape, vectors.shape[1])


def batch_of(
    rows: Rows, fields: Tensor, items: Tensor, layout: Layout, device: torch.device
) -> Batch:
    """What a network sees of B rows: looked-up `fields` (B, F, W) and `items` (H, L, W), the rest.

    `items` are those of the histories; not looked at where the layout has none.
    """
    numbers, dense = (copied(array, device) for array in (rows.numbers, rows.vectors))
    history = layout.inputs.history
    if history is None or layout.target is None:
        return Batch(fields=fields, numbers=numbers, vectors=dense)
    parts = copied(rows.history, device).long()
    _, types, ages = torch.split(parts, history.length, dim=1)
    return Batch(
        fields=fields,
        numbers=numbers,
        vectors=dense,
        history=items,
        mask=types > 0,
        history_types=types.clamp(0, history.types - 1),
        history_ages=ages.clamp(0, history.ages - 1),
        owner=None if rows.owner is None else copied(rows.owner, device),
        target=fields[:, layout.target],
    )
