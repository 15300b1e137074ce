"""FuxiCTR's rows a second on the training set of `train.py`: prints JSON.

    python fuxictr_train.py FOLDER EPOCHS own|memory

DCN-v2 of the package's layers, trained by its `BaseModel`; numbers go beside the vectors as they
are, as in the other sides. Two threads; the last epoch counts. own: batches come from the package's
`RankDataLoader` as it is by default, from an .npz file by one worker process; memory: from columns
that lie in memory as tensors.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from fuxictr.features import FeatureMap
from fuxictr.pytorch.dataloaders import RankDataLoader
from fuxictr.pytorch.layers import CrossNetV2, FeatureEmbedding, MLP_Block
from fuxictr.pytorch.models import BaseModel
from fuxictr.pytorch.torch_utils import seed_everything
from torch import Tensor, nn

FIELDS, VALUES, NUMBERS, WIDTH, BATCH = 26, 10_000, 13, 16, 4_096


CATEGORICAL = [f"c{n}" for n in range(FIELDS)]
NUMERIC = [f"n{n}" for n in range(NUMBERS)]
Batch = dict[str, Tensor]


class Batches(Sized, Iterable[Batch], Protocol):
    """Batches of columns by name, once for each pass."""


class InMemory:
    """Rows in memory, shuffled for each pass."""

    def __init__(self, columns: Batch) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return (len(self.columns["label"]) + BATCH - 1) // BATCH

    def __iter__(self) -> Iterator[Batch]:
        for places in torch.randperm(len(self.columns["label"])).split(BATCH):
            yield {name: column[places] for name, column in self.columns.items()}


class Timed:
    """The same batches; remembers how long each pass took."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.seconds: list[float] = []

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        began = time.perf_counter()
        yield from self.batches
        self.seconds.append(time.perf_counter() - began)


class DCNv2(BaseModel):
    """Two cross layers beside two hidden ones."""

    def __init__(self, features: FeatureMap, root: str) -> None:
        super().__init__(features, verbose=0, model_root=root, metrics=["AUC"])
        flat = FIELDS * WIDTH + NUMBERS
        self.embedding = FeatureEmbedding(features, WIDTH, required_feature_columns=CATEGORICAL)
        self.cross = CrossNetV2(flat, 2)
        self.deep = MLP_Block(flat, hidden_units=[256, 128])
        self.head = nn.Linear(flat + 128, 1)
        self.compile("adam", "binary_crossentropy", 1e-3)
        self.reset_parameters()
        Path(self.checkpoint).parent.mkdir(parents=True, exist_ok=True)

    def forward(self, batch: Batch) -> Batch:
        """What BaseModel wants: the probabilities as `y_pred`."""
        inputs = self.get_inputs(batch)
        numbers = torch.stack([inputs[name] for name in NUMERIC], dim=1).float()
        flat = torch.cat([self.embedding(inputs).flatten(1), numbers], dim=-1)
        logits = self.head(torch.cat([self.cross(flat), self.deep(flat)], dim=-1))
        return {"y_pred": self.output_activation(logits)}

    def eval_step(self) -> None:
        """Nothing is judged here."""
        self.save_weights(self.checkpoint)


def feature_map() -> FeatureMap:
    """What FuxiCTR is told of the columns."""
    features = FeatureMap("set", "")
    for name in CATEGORICAL:
        features.features[name] = {"type": "categorical", "vocab_size": VALUES, "source": ""}
    for name in NUMERIC:
        features.features[name] = {"type": "numeric", "source": ""}
    features.labels = ["label"]
    features.num_fields = features.get_num_fields()
    features.set_column_index()
    return features


def batches_of(table: pa.Table, features: FeatureMap, kind: str, root: str) -> Batches:
    """The training rows, as the kind says."""
    names = {name: name for name in CATEGORICAL + NUMERIC} | {"label": "label_click"}
    columns = {name: table[source].to_numpy() for name, source in names.items()}
    if kind == "memory":
        return InMemory({name: torch.from_numpy(x.copy()) for name, x in columns.items()})
    path = f"{root}/train.npz"
    np.savez(path, **columns)
    train, _ = RankDataLoader(features, stage="train", train_data=path, batch_size=BATCH)
    batches: Batches = train
    return batches


def main() -> None:
    """Trains, and tells of the last epoch."""
    folder, epochs, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(2)
    seed_everything(1)
    table, features = pq.read_table(folder), feature_map()
    with tempfile.TemporaryDirectory() as root:
        batches = Timed(batches_of(table, features, kind, root))
        DCNv2(features, root).fit(batches, epochs=epochs, validation_data=batches)
    print(json.dumps({"rows_s": table.num_rows / batches.seconds[-1]}))


if __name__ == "__main__":
    main()
