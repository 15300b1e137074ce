"""DCN-v2 (Wang et al. 2021), the cross layers beside the hidden ones."""

import torch
from torch import Tensor

from nightshelf.ctr.architecture import Network
from nightshelf.ctr.batch import Batch
from nightshelf.ctr.field_layers import FieldVectors
from nightshelf.ctr.layers import MLP, CrossNetwork, linear


class DCNv2(Network):
    """Cross layers and hidden layers, both on all inputs, into a head a task (W = D)."""

    def __init__(self, *, fields: FieldVectors, cross: CrossNetwork, mlp: MLP, tasks: int) -> None:
        super().__init__()
        self.width = fields.width
        self.fields, self.cross, self.mlp = fields, cross, mlp
        self.head = linear(fields.flat + mlp.out, tasks)

    def forward(self, batch: Batch) -> Tensor:
        """The logits (B, T)."""
        x = self.fields.flatten(self.fields(batch), batch)
        told: Tensor = self.head(torch.cat([self.cross(x), self.mlp(x)], dim=1))
        return told.float()
