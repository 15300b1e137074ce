"""Small inputs, batches and tables that the networks' tests share."""

from dataclasses import replace

import numpy as np
import torch

from nightshelf.ctr.architecture import Architecture, Network
from nightshelf.ctr.batch import Batch
from nightshelf.fields import Categorical, History, Inputs, Numeric, Rows, Vector

INPUTS = Inputs(
    categorical=(Categorical("user_id", 8), Categorical("item_id", 8), Categorical("shop", 4)),
    numeric=(Numeric("price"), Numeric("age")),
    history=History("item_id", 4, types=4, ages=4),
    vectors=(Vector("text", 3),),
    tasks=("click", "cart"),
)
PLAIN = replace(INPUTS, numeric=(), history=None, vectors=(), tasks=("click",))
SMALL = Architecture("", embedding=4, hidden=(16, 8), attention=(8,))
NAMES = ("lr", "fm", "deepfm", "dcn_v2", "din", "final_mlp")


def rows_of(inputs: Inputs, count: int, seed: int = 3) -> Rows:
    """Random rows; histories of 0 to L events."""
    draw = np.random.default_rng(seed)
    length = inputs.history.length if inputs.history else 0
    sizes = [field.size for field in inputs.categorical]
    is_event = np.arange(length) < draw.integers(0, length + 1, (count, 1))
    parts = [draw.integers(1, 4, (count, length)) * is_event for _ in range(3)]
    return Rows(
        ids=draw.integers(1, sizes, (count, len(sizes))).astype(np.int32),
        numbers=draw.normal(size=(count, len(inputs.numeric))).astype(np.float32),
        history=np.concatenate(parts, axis=1).astype(np.int32),
        vectors=draw.normal(size=(count, len(inputs.vector_columns))).astype(np.float32),
        labels=draw.integers(0, 2, (count, len(inputs.tasks))).astype(np.float32),
        weights=np.ones(count, np.float32),
        users=np.arange(count, dtype=np.int64),
    )


class Table(torch.nn.Module):
    """One embedding table of all fields, behind one another, and the look-up of a batch."""

    def __init__(self, inputs: Inputs, width: int, *, scale: float = 0.3) -> None:
        super().__init__()
        sizes = [field.size for field in inputs.categorical]
        self.inputs = inputs
        self.offsets = torch.tensor([0, *np.cumsum(sizes)[:-1]])
        self.weight = torch.nn.Parameter(torch.randn(sum(sizes), width) * scale)

    def forward(self, rows: Rows) -> Batch:
        fields = self.weight[torch.from_numpy(rows.ids).long() + self.offsets]
        batch = Batch(fields, torch.from_numpy(rows.numbers), torch.from_numpy(rows.vectors))
        if self.inputs.history is None:
            return batch
        items, types, ages = torch.from_numpy(rows.history).long().chunk(3, dim=1)
        place = self.inputs.categorical_columns.index(self.inputs.history.field)
        return replace(
            batch,
            history=self.weight[items + self.offsets[place]],
            mask=items > 0,
            history_types=types,
            history_ages=ages,
            target=fields[:, place],
        )


def fitted(
    network: Network, table: Table, rows: Rows, *, steps: int = 150, rate: float = 0.03
) -> torch.Tensor:
    """Trains on the rows; returns the last probabilities (B, T)."""
    parameters = [*network.parameters(), *table.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=rate)
    labels = torch.from_numpy(rows.labels)
    loss_of = torch.nn.BCEWithLogitsLoss()
    for _ in range(steps):
        optimiser.zero_grad()
        loss_of(network(table(rows)), labels).backward()
        optimiser.step()
    with torch.no_grad():
        return torch.sigmoid(network(table(rows)))
