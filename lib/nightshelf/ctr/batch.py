"""A batch as it reaches a network: vectors already looked up, never ids of values.

Letters: B rows, F categorical fields, N numeric fields, V numbers of all vectors, H histories of
length L, D an embedding's numbers, T tasks, W the table's width: D, and T more where a network
wants first-order weights beside each vector (these are then the last T).
"""

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One batch; what a model's inputs lack is None, or has no columns."""

    fields: Tensor  # (B, F, W), rows of the embedding table
    numbers: Tensor  # (B, N), scaled; unknown ones 0
    vectors: Tensor  # (B, V), all vectors behind one another
    history: Tensor | None = None  # (H, L, W), rows of the same table, newest first
    mask: Tensor | None = None  # (H, L) bool, true where there is an event
    history_types: Tensor | None = None  # (H, L) int64, 0 for no event
    history_ages: Tensor | None = None  # (H, L) int64, 0 for no event
    owner: Tensor | None = None  # (B,) int64: the history of each row; None: H is B, each its own
    target: Tensor | None = None  # (B, W), the vector of the field whose ids the history shares

    def __len__(self) -> int:
        return len(self.fields)

    def by_row(self, of_histories: Tensor | None) -> Tensor:
        """(H, …), a value a history -> (B, …), that of each row's history."""
        assert of_histories is not None
        return of_histories if self.owner is None else of_histories.index_select(0, self.owner)


def copied(array: NDArray[Any], device: torch.device) -> Tensor:
    """The array on the device, which may still be copying it."""
    return torch.from_numpy(array).to(device, non_blocking=True)
