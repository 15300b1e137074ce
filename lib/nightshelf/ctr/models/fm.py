"""Factorisation machine (Rendle 2010)."""

import torch
from torch import Tensor, nn

from nightshelf.ctr.architecture import Network
from nightshelf.ctr.batch import Batch
from nightshelf.ctr.field_layers import FieldVectors, FirstOrder, NumberVectors
from nightshelf.ctr.layers import pairwise_products
from nightshelf.fields import Inputs


class SecondOrder(nn.Module):
    """The products of all pairs of fields, numeric ones too: (B, G, D) and a batch -> (B, T).

    Each of the D sums of products has a learnt weight, 1 at first, for each task: with all at 1
    this is Rendle's term; one below 0 lets likeness count against a pair (He & Chua 2017).
    """

    def __init__(self, inputs: Inputs, width: int) -> None:
        super().__init__()
        count = len(inputs.numeric)
        self.numbers = NumberVectors(count, width) if count else None
        self.weights = nn.Parameter(torch.ones(width, len(inputs.tasks)))

    def forward(self, vectors: Tensor, batch: Batch) -> Tensor:
        """The sums (B, T), float32."""
        if self.numbers is not None:
            vectors = torch.cat([vectors, self.numbers(batch.numbers)], dim=1)
        products = pairwise_products(vectors)
        return (products.unsqueeze(-1) * self.weights).sum(1)


class FM(Network):
    """First-order weights and the products of all pairs of vectors (W = D + T)."""

    def __init__(self, inputs: Inputs, *, embedding: int) -> None:
        super().__init__()
        self.first_order = len(inputs.tasks)
        self.width = embedding + self.first_order
        self.fields = FieldVectors(inputs, embedding)
        self.linear = FirstOrder(inputs, start=embedding)
        self.pairs = SecondOrder(inputs, embedding)

    def forward(self, batch: Batch) -> Tensor:
        """The logits (B, T)."""
        told: Tensor = self.linear(batch) + self.pairs(self.fields(batch), batch)
        return told.float()
