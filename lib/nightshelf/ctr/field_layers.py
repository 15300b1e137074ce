"""The first layers of every network: a batch -> vectors of its fields, and first-order sums.

Letters: B rows, F categorical fields, N numeric fields, V numbers of all vectors, D numbers of a
field's vector, G fields in all: F, a field a dense vector, and one of the history; T tasks.
"""

from typing import Final

import torch
from torch import Tensor, nn

from nightshelf.ctr.batch import Batch
from nightshelf.ctr.layers import HistoryMean, linear
from nightshelf.fields import History, Inputs

ALIGNED: Final = 16
"""Layers read a multiple of so many numbers: 64 bytes, without which products take twice as long.

Measured with MKL on AVX-512 processors; GPUs' tensor cores want multiples of 8, too.
"""

NARROW: Final = 64
"""Up to so many numbers are left as they are: nothing would be won."""


class FieldVectors(nn.Module):
    """A batch -> (B, G, D): looked-up vectors, dense ones projected to D, the history's mean.

    The looked-up vectors' first D numbers are taken; the table may be wider. With
    `with_history` false the history is left out, for a network that reads it in its own way.
    """

    def __init__(self, inputs: Inputs, width: int, *, with_history: bool = True) -> None:
        super().__init__()
        self.width = width
        self.widths = [vector.width for vector in inputs.vectors]
        self.projections = nn.ModuleList(linear(own, width) for own in self.widths)
        pools = with_history and inputs.history is not None
        self.pool = history_mean(inputs.history) if pools else None
        self.count = len(inputs.categorical) + len(self.widths) + pools
        told = self.count * width + len(inputs.numeric)
        self.padding = -told % ALIGNED if told > NARROW else 0
        self.flat = told + self.padding

    def forward(self, batch: Batch) -> Tensor:
        """The fields' vectors (B, G, D)."""
        vectors = [batch.fields[..., : self.width]]
        if self.widths:
            parts = torch.split(batch.vectors, self.widths, dim=1)
            told = [layer(x) for layer, x in zip(self.projections, parts, strict=True)]
            vectors.append(torch.stack(told, dim=1))
        if self.pool is not None:
            vectors.append(pooled(self.pool, batch, 0, self.width).unsqueeze(1))
        return torch.cat(vectors, dim=1) if len(vectors) > 1 else vectors[0]

    def flatten(self, vectors: Tensor, batch: Batch) -> Tensor:
        """(B, G, D) and the batch's numbers -> (B, `flat`), what deep layers read; 0 beyond."""
        zeros = batch.numbers.new_zeros(len(batch), self.padding)
        return torch.cat([vectors.flatten(1), batch.numbers, zeros], dim=1)


class NumberVectors(nn.Module):
    """A vector a numeric field, times its number, as in a factorisation machine (Rendle 2010)."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(count, width) * 0.01)

    def forward(self, numbers: Tensor) -> Tensor:
        """(B, N) -> (B, N, D)."""
        return numbers.unsqueeze(-1) * self.vectors


class FirstOrder(nn.Module):
    """The linear part: a batch -> (B, T), the sum of what each field says by itself.

    The table's T columns from `start` on are the fields' first-order weights. Numbers and dense
    vectors have weights here; a history, the mean of its items' weights times a learnt factor.
    """

    def __init__(self, inputs: Inputs, *, start: int) -> None:
        super().__init__()
        tasks = len(inputs.tasks)
        self.start, self.end = start, start + tasks
        self.bias = nn.Parameter(torch.zeros(tasks))
        self.numbers = _weights(len(inputs.numeric), tasks)
        self.vectors = _weights(sum(vector.width for vector in inputs.vectors), tasks)
        self.pool = history_mean(inputs.history)
        self.factor = nn.Parameter(torch.ones(tasks)) if self.pool is not None else None

    def forward(self, batch: Batch) -> Tensor:
        """The sums (B, T)."""
        told = batch.fields[..., self.start : self.end].float().sum(1) + self.bias
        if self.numbers is not None:
            told = told + self.numbers(batch.numbers)
        if self.vectors is not None:
            told = told + self.vectors(batch.vectors)
        if self.pool is not None and self.factor is not None:
            told = told + self.factor * pooled(self.pool, batch, self.start, self.end)
        return told


def history_mean(history: History | None) -> HistoryMean | None:
    """The layer that pools such a history."""
    return HistoryMean(history.types, history.ages) if history else None


def pooled(pool: HistoryMean, batch: Batch, start: int, end: int) -> Tensor:
    """The mean of the columns from `start` to `end` of a history's vectors (B, end - start)."""
    assert batch.history is not None
    assert batch.mask is not None
    assert batch.history_types is not None
    assert batch.history_ages is not None
    told: Tensor = pool(
        batch.history[..., start:end], batch.mask, batch.history_types, batch.history_ages
    )
    return batch.by_row(told)


def _weights(width: int, tasks: int) -> nn.Linear | None:
    if not width:
        return None
    layer = linear(width, tasks, bias=False)
    nn.init.zeros_(layer.weight)
    return layer
