"""DeepFM (Guo et al. 2017)."""

from torch import Tensor

from nightshelf.ctr.architecture import Network
from nightshelf.ctr.batch import Batch
from nightshelf.ctr.field_layers import FieldVectors, FirstOrder
from nightshelf.ctr.layers import MLP, linear
from nightshelf.ctr.models.fm import SecondOrder
from nightshelf.fields import Inputs


class DeepFM(Network):
    """A factorisation machine and hidden layers on the same vectors, added (W = D + T)."""

    def __init__(self, inputs: Inputs, *, fields: FieldVectors, mlp: MLP) -> None:
        super().__init__()
        self.first_order = len(inputs.tasks)
        self.width = fields.width + self.first_order
        self.fields = fields
        self.linear = FirstOrder(inputs, start=fields.width)
        self.pairs = SecondOrder(inputs, fields.width)
        self.mlp = mlp
        self.head = linear(mlp.out, len(inputs.tasks), bias=False)

    def forward(self, batch: Batch) -> Tensor:
        """The logits (B, T)."""
        vectors = self.fields(batch)
        deep = self.head(self.mlp(self.fields.flatten(vectors, batch)))
        told: Tensor = self.linear(batch) + self.pairs(vectors, batch) + deep
        return told.float()
