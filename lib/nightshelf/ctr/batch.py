"""A batch as it reaches a network: vectors already looked up, never ids of values.

Letters: B rows, F categorical fields, N numeric fields, V numbers of all vectors, L history length,
D an embedding's numbers, T tasks, W the table's width: D, and T more where a network wants
first-order weights beside each vector (these are then the last T).
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One batch; what a model's inputs lack is None, or has no columns."""

    fields: Tensor  # (B, F, W), rows of the embedding table
    numbers: Tensor  # (B, N), scaled; unknown ones 0
    vectors: Tensor  # (B, V), all vectors behind one another
    history: Tensor | None = None  # (B, L, W), rows of the same table, newest first
    mask: Tensor | None = None  # (B, L) bool, true where there is an event
    history_types: Tensor | None = None  # (B, L) int64, 0 for no event
    history_ages: Tensor | None = None  # (B, L) int64, 0 for no event
    target: Tensor | None = None  # (B, W), the vector of the field whose ids the history shares

    def __len__(self) -> int:
        return len(self.fields)
