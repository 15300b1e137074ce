"""FuxiCTR's DeepFM, DCN-v2 and FinalMLP: one run, told as `ctr_run` says.

The package brings layers and `BaseModel`, whose training is used as it is: Adam, clipped
gradients, a learning rate cut to a tenth when valid AUC falls. Its models live in a repository
apart; they are put together here as there. Batches are tensors that lie in memory, since the
package's own loader, a row at a time, would only be slower.

Settings beside the common ones: `regulariser` of all embeddings (L2, each step), `net_regulariser`
of all other weights, `batch_norm`; `cross_layers` of dcn_v2; of final_mlp `heads`, and `gates`: the
two fields that steer the selection, or none.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from ctr_data import LABEL
from ctr_run import Clock, Run, asked, carried_out, tell
from fuxictr.features import FeatureMap
from fuxictr.pytorch.layers import (
    CrossNetV2,
    FactorizationMachine,
    FeatureEmbedding,
    MLP_Block,
)
from fuxictr.pytorch.models import BaseModel
from fuxictr.pytorch.torch_utils import seed_everything
from torch import Tensor, nn


class Batches:
    """Rows in memory as FuxiCTR reads them: dicts of columns, shuffled for each pass if wished."""

    def __init__(self, frame: pd.DataFrame, size: int, *, is_shuffled: bool) -> None:
        self.columns = {name: torch.from_numpy(frame[name].to_numpy()) for name in frame.columns}
        self.rows, self.size, self.is_shuffled = len(frame), size, is_shuffled

    def __len__(self) -> int:
        return (self.rows + self.size - 1) // self.size

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        order = torch.randperm(self.rows) if self.is_shuffled else torch.arange(self.rows)
        for places in order.split(self.size):
            yield {name: column[places] for name, column in self.columns.items()}


class Model(BaseModel):
    """What the three models share."""

    def __init__(self, features: FeatureMap, told: dict[str, Any], root: str) -> None:
        super().__init__(
            features,
            embedding_regularizer=told.get("regulariser"),
            net_regularizer=told.get("net_regulariser"),
            early_stop_patience=told["patience"],
            verbose=0,
            model_root=root,
            metrics=["AUC", "logloss"],
        )
        self.evaluation = Clock()
        self.embedding = FeatureEmbedding(features, told["embedding"])
        self.width = features.num_fields * told["embedding"]
        self.make(features, told)
        self.compile("adam", "binary_crossentropy", told["learning_rate"])
        self.reset_parameters()
        Path(self.checkpoint).parent.mkdir(parents=True, exist_ok=True)

    def make(self, features: FeatureMap, told: dict[str, Any]) -> None:
        """Adds the layers."""
        raise NotImplementedError

    def logits(self, inputs: dict[str, Tensor], vectors: Tensor) -> Tensor:
        """(B, 1) from the fields' ids and vectors (B, F, D)."""
        raise NotImplementedError

    def mlp(self, told: dict[str, Any], out: int | None = None) -> MLP_Block:
        """Hidden layers on all vectors."""
        return MLP_Block(
            self.width,
            hidden_units=list(told["hidden"]),
            output_dim=out,
            dropout_rates=told["dropout"],
            batch_norm=told.get("batch_norm", False),
        )

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """What BaseModel wants: the probabilities as `y_pred`."""
        inputs = self.get_inputs(batch)
        return {"y_pred": self.output_activation(self.logits(inputs, self.embedding(inputs)))}

    def eval_step(self) -> None:
        """BaseModel's, timed."""
        with self.evaluation.timed():
            super().eval_step()


class DeepFM(Model):
    """A factorisation machine and hidden layers, added."""

    def make(self, features: FeatureMap, told: dict[str, Any]) -> None:  # noqa: D102
        self.fm = FactorizationMachine(features)
        self.deep = self.mlp(told, out=1)

    def logits(self, inputs: dict[str, Tensor], vectors: Tensor) -> Tensor:  # noqa: D102
        return self.fm(inputs, vectors) + self.deep(vectors.flatten(1))


class DCNv2(Model):
    """Cross layers beside hidden layers."""

    def make(self, features: FeatureMap, told: dict[str, Any]) -> None:  # noqa: D102
        self.cross = CrossNetV2(self.width, told.get("cross_layers", 3))
        self.deep = self.mlp(told)
        self.head = nn.Linear(self.width + told["hidden"][-1], 1)

    def logits(self, inputs: dict[str, Tensor], vectors: Tensor) -> Tensor:  # noqa: D102
        flat = vectors.flatten(1)
        return self.head(torch.cat([self.cross(flat), self.deep(flat)], dim=-1))


class Gate(nn.Module):
    """FinalMLP's feature selection; its context has embeddings of its own, or is a constant."""

    def __init__(self, features: FeatureMap, context: list[str], dim: int, width: int) -> None:
        super().__init__()
        self.constant = None if context else nn.Parameter(torch.zeros(1, dim))
        self.context = (
            FeatureEmbedding(features, dim, required_feature_columns=context) if context else None
        )
        self.gate = MLP_Block(
            dim * max(1, len(context)),
            hidden_units=[64],
            output_dim=width,
            output_activation="Sigmoid",
        )

    def forward(self, inputs: dict[str, Tensor], flat: Tensor) -> Tensor:
        """(B, width) -> (B, width)."""
        told = self.context(inputs).flatten(1) if self.context else self.constant
        return flat * self.gate(told) * 2


class FinalMLP(Model):
    """Two streams, each on its selection, fused bilinearly."""

    def make(self, features: FeatureMap, told: dict[str, Any]) -> None:  # noqa: D102
        contexts = [[name] for name in told.get("gates", [])] or [[], []]
        self.gates = nn.ModuleList(
            Gate(features, context, told["embedding"], self.width) for context in contexts
        )
        self.streams = nn.ModuleList(self.mlp(told) for _ in range(2))
        self.heads, out = told.get("heads", 1), told["hidden"][-1]
        self.left, self.right = nn.Linear(out, 1), nn.Linear(out, 1)
        self.matrices = nn.Parameter(torch.empty(self.heads * (out // self.heads) ** 2, 1))
        nn.init.xavier_normal_(self.matrices)

    def logits(self, inputs: dict[str, Tensor], vectors: Tensor) -> Tensor:  # noqa: D102
        flat = vectors.flatten(1)
        x, y = (
            stream(gate(inputs, flat))
            for gate, stream in zip(self.gates, self.streams, strict=True)
        )
        part = x.shape[1] // self.heads
        turned = torch.einsum(
            "bhi,hij->bhj", x.unflatten(1, (self.heads, part)), self.matrices.view(-1, part, part)
        )
        products = (turned * y.unflatten(1, (self.heads, part))).sum((1, 2))
        return self.left(x) + self.right(y) + products.unsqueeze(1)


MODELS = {"deepfm": DeepFM, "dcn_v2": DCNv2, "final_mlp": FinalMLP}


def feature_map(run: Run) -> FeatureMap:
    """All fields categorical."""
    features = FeatureMap("set", "")
    for name, size in run.sizes.items():
        features.features[name] = {"type": "categorical", "vocab_size": size, "source": ""}
    features.labels = [LABEL]
    features.num_fields = features.get_num_fields()
    features.set_column_index()
    return features


def main() -> None:
    """Trains, judges, and prints."""
    run = asked()
    told = dict(run.settings)
    torch.set_num_threads(told["threads"])
    seed_everything(told["seed"])
    size = told["batch_size"]
    train = Batches(run.rows["train"], size, is_shuffled=True)
    valid, test = (Batches(run.rows[name], size, is_shuffled=False) for name in ("valid", "test"))
    training = Clock()
    with tempfile.TemporaryDirectory() as root:
        model = MODELS[told["model"]](feature_map(run), told, root)
        with training.timed():
            model.fit(train, epochs=told["epochs"], validation_data=valid)
        scores = model.predict(test)
    tell(
        run,
        scores,
        valid_auc=model._best_metric,
        epochs=model._epoch_index + 1,
        seconds=training.seconds - model.evaluation.seconds,
    )


if __name__ == "__main__":
    carried_out(main)
