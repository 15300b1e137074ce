"""Deep interest network (Zhou et al. 2018)."""

import torch
from torch import Tensor

from nightshelf.ctr.architecture import Network
from nightshelf.ctr.batch import Batch
from nightshelf.ctr.field_layers import FieldVectors, pooled
from nightshelf.ctr.layers import MLP, AttentionUnit, HistoryMean, linear


class DIN(Network):
    """Hidden layers on all fields and on the history: its mean, and as the item sees it (W = D).

    `fields` leaves the history out. Without a history there is nothing to attend to, and this is
    an embedding and hidden layers.
    """

    def __init__(
        self,
        *,
        fields: FieldVectors,
        pool: HistoryMean | None,
        attention: AttentionUnit | None,
        mlp: MLP,
        tasks: int,
    ) -> None:
        super().__init__()
        self.width = fields.width
        self.fields, self.pool, self.attention, self.mlp = fields, pool, attention, mlp
        self.head = linear(mlp.out, tasks)

    def forward(self, batch: Batch) -> Tensor:
        """The logits (B, T)."""
        flat = self.fields.flatten(self.fields(batch), batch)
        if self.pool is not None and self.attention is not None:
            events = (batch.history, batch.mask, batch.history_types, batch.history_ages)
            seen = self.attention(batch.target, *map(batch.by_row, events))
            flat = torch.cat([flat, pooled(self.pool, batch, 0, self.width), seen], dim=1)
        told: Tensor = self.head(self.mlp(flat))
        return told.float()
