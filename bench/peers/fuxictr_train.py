"""FuxiCTR's rows a second on the training set of `train.py`: prints JSON.

    python fuxictr_train.py FOLDER EPOCHS

DCN-v2 of the package's layers, trained by its `BaseModel`; numbers go beside the vectors as they
are, as in the other sides. Two threads; rows lie in memory; the last epoch counts.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from fuxictr.features import FeatureMap
from fuxictr.pytorch.layers import CrossNetV2, FeatureEmbedding, MLP_Block
from fuxictr.pytorch.models import BaseModel
from fuxictr.pytorch.torch_utils import seed_everything
from torch import Tensor, nn

FIELDS, VALUES, NUMBERS, WIDTH, BATCH = 26, 10_000, 13, 16, 4_096


class Batches:
    """Rows in memory, shuffled for each pass; remembers when each pass began and ended."""

    def __init__(self, columns: dict[str, Tensor]) -> None:
        self.columns = columns
        self.seconds: list[float] = []

    def __len__(self) -> int:
        return (len(self.columns["label"]) + BATCH - 1) // BATCH

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        began = time.perf_counter()
        for places in torch.randperm(len(self.columns["label"])).split(BATCH):
            yield {name: column[places] for name, column in self.columns.items()}
        self.seconds.append(time.perf_counter() - began)


class DCNv2(BaseModel):
    """Two cross layers beside two hidden ones."""

    def __init__(self, features: FeatureMap, root: str) -> None:
        super().__init__(features, verbose=0, model_root=root, metrics=["AUC"])
        flat = FIELDS * WIDTH + NUMBERS
        self.embedding = FeatureEmbedding(features, WIDTH)
        self.cross = CrossNetV2(flat, 2)
        self.deep = MLP_Block(flat, hidden_units=[256, 128])
        self.head = nn.Linear(flat + 128, 1)
        self.compile("adam", "binary_crossentropy", 1e-3)
        self.reset_parameters()
        Path(self.checkpoint).parent.mkdir(parents=True, exist_ok=True)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """What BaseModel wants: the probabilities as `y_pred`."""
        vectors = self.embedding(self.get_inputs(batch))
        flat = torch.cat([vectors.flatten(1), batch["numbers"]], dim=-1)
        logits = self.head(torch.cat([self.cross(flat), self.deep(flat)], dim=-1))
        return {"y_pred": self.output_activation(logits)}

    def eval_step(self) -> None:
        """Nothing is judged here."""
        self.save_weights(self.checkpoint)


def main() -> None:
    """Trains, and tells of the last epoch."""
    folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(2)
    seed_everything(1)
    table = pq.read_table(folder)
    features = FeatureMap("set", "")
    for n in range(FIELDS):
        told = {"type": "categorical", "vocab_size": VALUES, "source": ""}
        features.features[f"c{n}"] = told
    features.labels = ["label"]
    features.num_fields = features.get_num_fields()
    features.set_column_index()
    columns = {f"c{n}": torch.from_numpy(table[f"c{n}"].to_numpy().copy()) for n in range(FIELDS)}
    numbers = np.stack([table[f"n{n}"].to_numpy() for n in range(NUMBERS)], 1)
    columns["numbers"] = torch.from_numpy(numbers)
    columns["label"] = torch.from_numpy(table["label_click"].to_numpy().copy())
    batches = Batches(columns)
    with tempfile.TemporaryDirectory() as root:
        DCNv2(features, root).fit(batches, epochs=epochs, validation_data=batches)
    print(json.dumps({"rows_s": table.num_rows / batches.seconds[-1]}))


if __name__ == "__main__":
    main()
