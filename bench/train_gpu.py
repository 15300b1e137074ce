"""How fast models train on a GPU, by one process: results/train_gpu.json.

The ranking model is that of `train.py`, a DCN-v2 of 26 categorical fields, learnt from more rows,
in batches of 4,096 and of 65,536, by the training of a night: rows through Petastorm, the loss
looked at in each step, AUC on the valid rows after each epoch. Beside it plain PyTorch by
`train_plain.py` with all rows in the GPU's memory, where no row has to be read. Then a
cross-encoder of MiniLM's shape is fine-tuned on pairs of 96 tokens; how fast that is does not hang
on what its weights are, so they are random.

Rows a second are of the last epoch, without its evaluation. waited_share: of the time of all steps,
that in which no batch was ready, and the GPU idle. Sides take turns, `ROUNDS` times; the best round
of each counts. Without a GPU it says so and leaves no results.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from report import ROOT, write
from tokenizers import Tokenizer, models
from train import make
from transformers import BertConfig, BertModel

from nightshelf.ctr import fitting
from nightshelf.ctr.architecture import Architecture
from nightshelf.ctr.settings import Settings
from nightshelf.learning.distributed import Alone
from nightshelf.text import fine_tuning
from nightshelf.text.batches import Tokens
from nightshelf.text.pairs import columns

ROWS = {"train": 1_572_864, "valid": 8_192, "test": 8_192}
EPOCHS, ROUNDS = 3, 2
PAIRS = {"train": 8_192, "valid": 256, "test": 256}
TOKENS, WORDS = 96, 30_522


def ours(data: Path, **changes: Any) -> dict[str, Any]:
    """Of our training: rows a second of the last epoch, the share of waiting, and AUC."""
    settings = Settings(
        Architecture("dcn_v2"), epochs=EPOCHS, patience=EPOCHS, checkpoint_steps=10**9,
        calibration="none", **changes,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as out:
        told = fitting.fit(fitting.Work(str(data), out, settings), Alone())
    return {
        "rows_s": round(ROWS["train"] / told["epoch_seconds"][-1]),
        "waited_share": told["waited_share"],
        "test_auc": round(told["metrics"]["test.auc"], 5),
    }


def plain(data: Path, kind: str, batch: int) -> dict[str, Any]:
    """Of plain PyTorch, in a process of its own."""
    script = str(ROOT / "bench" / "train_plain.py")
    done = subprocess.run(
        [sys.executable, script, str(data / "train"), kind, str(EPOCHS), "cuda", str(batch)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return {"rows_s": round(json.loads(done.stdout.splitlines()[-1])["rows_s"])}


def make_pairs(folder: Path) -> None:
    """Pairs of TOKENS tokens and less, as build_samples writes them; and weights to begin with."""
    rng = np.random.default_rng(0)
    for split, rows in PAIRS.items():
        (folder / split).mkdir(parents=True)
        lengths = rng.integers(TOKENS // 2, TOKENS + 1, rows)
        ids = [rng.integers(1_000, WORDS, length).astype(np.int32) for length in lengths]
        types = [np.zeros(length, np.int32) for length in lengths]
        tokens = Tokens(ids, np.zeros(rows, np.bool_), types)
        told = {
            **columns([tokens], TOKENS, 0),
            "label": (rng.random(rows) < 0.5).astype(np.float32),
            "weight": np.ones(rows, np.float32),
            "group": rng.integers(0, rows // 8, rows),
            "drawn": rng.integers(0, rows, rows),
        }
        pq.write_table(pa.table(told), folder / split / "part-00000.parquet")
    config = BertConfig(
        vocab_size=WORDS, hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
        intermediate_size=1_536,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder / "weights")
    # Weights come with a tokenizer, though these pairs are tokens already.
    words = models.WordPiece({"[UNK]": 0}, unk_token="[UNK]")
    Tokenizer(words).save(str(folder / "weights" / "tokenizer.json"))


def fine_tuned(data: Path, **changes: Any) -> dict[str, Any]:
    """Of our fine-tuning: pairs a second of the last epoch, and the share of waiting."""
    settings = fine_tuning.Settings(epochs=2, patience=2, checkpoint_steps=10**9, **changes)
    with tempfile.TemporaryDirectory() as out:
        work = fine_tuning.TextWork(str(data / "weights"), str(data), out, settings)
        told = fine_tuning.fit(work, Alone())
    return {
        "rows_s": round(PAIRS["train"] / told["epoch_seconds"][-1]),
        "waited_share": told["waited_share"],
    }


def main() -> None:
    """Takes turns, then writes."""
    if not torch.cuda.is_available():
        sys.exit("train_gpu: needs a GPU; left out")
    with tempfile.TemporaryDirectory() as folder:
        data, pairs = Path(folder) / "set", Path(folder) / "pairs"
        make(data, ROWS)
        make_pairs(pairs)
        sides: dict[str, Callable[[], dict[str, Any]]] = {}
        for batch in (4_096, 65_536):
            for precision in ("fp32", "bf16"):
                sides[f"ours_{precision}_{batch}"] = lambda b=batch, p=precision: ours(
                    data, batch_size=b, precision=p
                )
            for kind in ("dense", "sparse"):
                sides[f"plain_{kind}_{batch}"] = lambda b=batch, k=kind: plain(data, k, b)
        for batch in (32, 256):
            for precision in ("fp32", "bf16"):
                sides[f"text_{precision}_{batch}"] = lambda b=batch, p=precision: fine_tuned(
                    pairs, batch_size=b, precision=p
                )
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, run in sides.items():
                runs[name].append(run())
                print(f"train_gpu: {name} {runs[name][-1]}", file=sys.stderr, flush=True)
    best = {name: max(found, key=lambda told: told["rows_s"]) for name, found in runs.items()}
    told = {
        **best,
        "runs_rows_s": {name: [told["rows_s"] for told in found] for name, found in runs.items()},
        "gpu": torch.cuda.get_device_name(),
    }
    print(write("train_gpu", told).read_text())


if __name__ == "__main__":
    main()
