"""FinalMLP (Mao et al. 2023)."""

from torch import Tensor, nn

from nightshelf.ctr.architecture import Network
from nightshelf.ctr.batch import Batch
from nightshelf.ctr.field_layers import FieldVectors
from nightshelf.ctr.layers import MLP, BilinearFusion, FeatureGate


class FinalMLP(Network):
    """Two streams of hidden layers, each on a selection of its own, fused bilinearly (W = D).

    `contexts` are the places of the two fields that steer the selections, None for a constant.
    """

    def __init__(
        self,
        *,
        fields: FieldVectors,
        contexts: tuple[int | None, int | None],
        streams: tuple[MLP, MLP],
        fusion: BilinearFusion,
    ) -> None:
        super().__init__()
        self.width, self.contexts = fields.width, contexts
        self.fields, self.streams, self.fusion = fields, nn.ModuleList(streams), fusion
        self.gates = nn.ModuleList(
            FeatureGate(
                fields.flat, context=None if place is None else fields.width, hidden=mlp.out
            )
            for place, mlp in zip(contexts, streams, strict=True)
        )

    def forward(self, batch: Batch) -> Tensor:
        """The logits (B, T)."""
        vectors = self.fields(batch)
        flat = self.fields.flatten(vectors, batch)
        left, right = (
            mlp(gate(flat, None if place is None else vectors[:, place]))
            for place, gate, mlp in zip(self.contexts, self.gates, self.streams, strict=True)
        )
        told: Tensor = self.fusion(left, right)
        return told.float()
