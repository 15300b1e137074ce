"""One run of our click models on rows of `ctr_data.py`: prints the line that `ctr_run.py` tells of.

    python ctr_ours.py FOLDER '{"model": "deepfm", "embedding": 16, "seed": 1, ...}'

By the training of a night, in one process: `nightshelf.ctr.fitting.fit`, uncalibrated.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nightshelf.ctr.architecture import Architecture
from nightshelf.ctr.fitting import Work, fit
from nightshelf.ctr.settings import Settings
from nightshelf.fields import USER_COLUMN, WEIGHT_COLUMN, Categorical, Inputs
from nightshelf.learning.distributed import Alone

GROUPS = 8
LAYERS = ("embedding", "dropout", "norm", "cross_layers", "heads")
TRAINING = (
    "batch_size", "epochs", "patience", "learning_rate", "schedule", "averaged_epochs",
    "embedding_decay", "lazy", "threads", "seed",
)  # fmt: skip


def rewritten(folder: Path, data: Path) -> None:
    """The folder's rows as a training set."""
    sizes = json.loads((folder / "fields.json").read_text())
    inputs = Inputs(tuple(Categorical(name, size) for name, size in sizes.items()))
    for split in ("train", "valid", "test"):
        table = pq.read_table(folder / f"{split}.parquet")
        columns = {name: table[name] for name in sizes}
        columns["label_click"] = table["label"]
        columns[WEIGHT_COLUMN] = np.ones(len(table), np.float32)
        columns[USER_COLUMN] = table["user_id"].cast(pa.int64())
        told = pa.table(columns)
        (data / split).mkdir(parents=True)
        for n in range(GROUPS):
            start, stop = len(told) * n // GROUPS, len(told) * (n + 1) // GROUPS
            pq.write_table(told.slice(start, stop - start), data / split / f"part-{n:05d}.parquet")
    (data / "inputs.json").write_text(inputs.to_json())


def main() -> None:
    """Trains, judges, and prints."""
    folder, asked = Path(sys.argv[1]), json.loads(sys.argv[2])
    layers = {name: asked[name] for name in LAYERS if name in asked}
    settings = Settings(
        Architecture(name=asked["model"], hidden=tuple(asked["hidden"]), gates=(), **layers),
        calibration="none",
        checkpoint_steps=10**9,
        **{name: asked[name] for name in TRAINING if name in asked},
    )
    with tempfile.TemporaryDirectory() as temporary:
        data, out = Path(temporary) / "set", Path(temporary) / "model"
        rewritten(folder, data)
        told = fit(Work(str(data), str(out), settings), Alone())
    figures = {
        "auc": round(told["metrics"]["test.auc"], 6),
        "logloss": round(told["metrics"]["test.log_loss"], 6),
        "valid_auc": round(max(told["valid_aucs"]), 6),
        "epochs": len(told["losses"]),
        "rows_s": told["rows_s"],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
