"""Logistic regression: every value has a weight, and nothing speaks with anything."""

from torch import Tensor

from nightshelf.ctr.architecture import Network
from nightshelf.ctr.batch import Batch
from nightshelf.ctr.field_layers import FirstOrder
from nightshelf.fields import Inputs


class LR(Network):
    """The sum of first-order weights; the table holds one a task (W = T)."""

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        self.width = self.first_order = len(inputs.tasks)
        self.linear = FirstOrder(inputs, start=0)

    def forward(self, batch: Batch) -> Tensor:
        """The logits (B, T)."""
        told: Tensor = self.linear(batch)
        return told.float()
