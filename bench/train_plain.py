"""The same DCN-v2 in plain PyTorch, all rows in memory: prints its rows a second as JSON.

    python train_plain.py FOLDER dense|sparse EPOCHS [cpu|cuda [BATCH]]

FOLDER holds the Parquet files of a training set as `train.py` makes it. dense: one Adam for all
weights; sparse: SparseAdam for the embeddings, Adam for the rest. Two threads, or
a GPU, in whose memory all rows are then.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

FIELDS, VALUES, NUMBERS, WIDTH = 26, 10_000, 13, 16


class DCNv2(nn.Module):
    """Two cross layers beside two hidden ones."""

    def __init__(self, is_sparse: bool) -> None:
        super().__init__()
        flat = FIELDS * WIDTH + NUMBERS
        self.embedding = nn.Embedding(FIELDS * VALUES, WIDTH, sparse=is_sparse)
        self.cross = nn.ModuleList(nn.Linear(flat, flat) for _ in range(2))
        self.deep = nn.Sequential(nn.Linear(flat, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU())
        self.head = nn.Linear(flat + 128, 1)

    def forward(self, ids: Tensor, numbers: Tensor) -> Tensor:
        """Ids (B, F), numbers (B, N) -> logits (B,)."""
        first = torch.cat([self.embedding(ids).flatten(1), numbers], 1)
        crossed = first
        for layer in self.cross:
            crossed = first * layer(crossed) + crossed
        return self.head(torch.cat([crossed, self.deep(first)], 1)).squeeze(1)


def main() -> None:
    """Trains, and tells of the last epoch."""
    folder, kind, epochs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    device = sys.argv[4] if len(sys.argv) > 4 else "cpu"
    batch = int(sys.argv[5]) if len(sys.argv) > 5 else 4_096
    torch.set_num_threads(2)
    torch.manual_seed(0)
    table = pq.read_table(folder)
    ids = torch.from_numpy(
        np.stack([table[f"c{n}"].to_numpy() for n in range(FIELDS)], 1).astype(np.int64)
    ) + VALUES * torch.arange(FIELDS)
    numbers = torch.from_numpy(np.stack([table[f"n{n}"].to_numpy() for n in range(NUMBERS)], 1))
    labels = torch.from_numpy(table["label_click"].to_numpy().copy())
    ids, numbers, labels = (told.to(device) for told in (ids, numbers, labels))
    model = DCNv2(kind == "sparse").to(device)
    vectors, rest = (
        list(model.embedding.parameters()),
        [p for name, p in model.named_parameters() if not name.startswith("embedding")],
    )
    if kind == "sparse":
        optimisers = [torch.optim.SparseAdam(vectors), torch.optim.Adam(rest, fused=True)]
    else:
        optimisers = [torch.optim.Adam([*vectors, *rest], fused=True)]
    seconds = 0.0
    for _ in range(epochs):
        began = time.perf_counter()
        for places in torch.randperm(len(labels), device=device).split(batch):
            for optimiser in optimisers:
                optimiser.zero_grad()
            logits = model(ids[places], numbers[places])
            nn.functional.binary_cross_entropy_with_logits(logits, labels[places]).backward()
            for optimiser in optimisers:
                optimiser.step()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    print(json.dumps({"rows_s": len(labels) / seconds}))


if __name__ == "__main__":
    main()
