"""How fast the ranking model trains, beside plain PyTorch and FuxiCTR: results/train.json.

The same DCN-v2 everywhere: 26 categorical fields of 10,000 values, vectors of 16 numbers, 13
numeric fields, two cross layers, hidden layers of 256 and 128, Adam, batches of 4,096 rows over all
ranks, single precision. Ids are uniform: the hardest case for what works on touched rows alone.

Ours reads the training set by Petastorm and runs under Horovod in Spark's executors, by one rank of
two threads and by two ranks of a thread each. Plain PyTorch holds all rows in memory, on two
threads, its embeddings with dense gradients and with sparse ones; the faster counts. FuxiCTR's
layers train by its own `BaseModel`, from its own loader, which `ratio_fuxictr` is beside, and, to
tell its loader from its training, from tensors in memory. Rows a second are of the last epoch,
without evaluation or start. The sides take turns, `ROUNDS` times; the best round of each counts.
`train_gpu.py` measures the same on a GPU.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from peers.environment import run_peer
from pyspark.sql import SparkSession
from report import ROOT, write

from nightshelf.config import SparkConfig
from nightshelf.ctr.architecture import Architecture
from nightshelf.ctr.fitting import Work
from nightshelf.ctr.settings import Settings
from nightshelf.fields import USER_COLUMN, WEIGHT_COLUMN, Categorical, Inputs, Numeric
from nightshelf.learning.launch import Launch
from nightshelf.session import build

FIELDS, VALUES, NUMBERS, GROUPS = 26, 10_000, 13, 16
ROWS = {"train": 196_608, "valid": 8_192, "test": 8_192}
EPOCHS, ROUNDS = 3, 3
INPUTS = Inputs(
    tuple(Categorical(f"c{n}", VALUES) for n in range(FIELDS)),
    tuple(Numeric(f"n{n}") for n in range(NUMBERS)),
)


def make(folder: Path, sizes: Mapping[str, int] = ROWS) -> None:
    """A training set of splits as build_samples writes it, with something to learn."""
    rng = np.random.default_rng(0)
    for split, rows in sizes.items():
        (folder / split).mkdir(parents=True)
        ids = rng.integers(0, VALUES, (rows, FIELDS), dtype=np.int32)
        numbers = rng.normal(size=(rows, NUMBERS)).astype(np.float32)
        likes = numbers[:, 0] + 0.5 * (ids[:, 0] % 7 - 3.0) - 1.0
        columns: dict[str, Any] = {f"c{n}": ids[:, n] for n in range(FIELDS)}
        columns |= {f"n{n}": numbers[:, n] for n in range(NUMBERS)}
        columns["label_click"] = (rng.random(rows) < 1 / (1 + np.exp(-likes))).astype(np.float32)
        columns[WEIGHT_COLUMN] = np.ones(rows, np.float32)
        columns[USER_COLUMN] = rng.integers(0, 1_000, rows)
        table = pa.table(columns)
        for n in range(GROUPS):
            start, stop = rows * n // GROUPS, rows * (n + 1) // GROUPS
            path = folder / split / f"part-{n:05d}.parquet"
            pq.write_table(table.slice(start, stop - start), path)
    (folder / "inputs.json").write_text(INPUTS.to_json())


def ours(spark: SparkSession, data: Path, ranks: int, threads: int, **more: Any) -> float:
    """Rows a second of our last epoch."""
    settings = Settings(
        Architecture("dcn_v2"), batch_size=4_096, epochs=EPOCHS, patience=EPOCHS, threads=threads,
        **more,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as out:
        told = Launch(
            spark=spark,
            work=Work(str(data), out, settings),
            ranks=ranks,
            restarts=0,
            stall_seconds=300,
            tell=lambda _: None,
            warn=lambda line: print(line, file=sys.stderr),
        ).run()
    return float(ROWS["train"] / told["epoch_seconds"][-1])


def plain(data: Path, kind: str) -> float:
    """Rows a second of plain PyTorch, by `train_plain.py` in a process of its own."""
    script = str(ROOT / "bench" / "train_plain.py")
    done = subprocess.run(
        [sys.executable, script, str(data / "train"), kind, str(EPOCHS)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return float(json.loads(done.stdout.splitlines()[-1])["rows_s"])


def fuxictr(data: Path, kind: str) -> float:
    """Rows a second of FuxiCTR, in an environment of its own."""
    return float(run_peer("fuxictr", "fuxictr_train", data / "train", EPOCHS, kind)["rows_s"])


def main() -> None:
    """Takes turns, then writes."""
    spark = build(SparkConfig(master="local[2]", driver_memory="1g"), "train bench")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "set"
        make(data)
        sides: dict[str, Callable[[], float]] = {
            "ours_np1": lambda: ours(spark, data, 1, 2),
            "ours_np2": lambda: ours(spark, data, 2, 1),
            "ours_np2_bf16": lambda: ours(spark, data, 2, 1, precision="bf16"),
            "plain_dense": lambda: plain(data, "dense"),
            "plain_sparse": lambda: plain(data, "sparse"),
            "fuxictr": lambda: fuxictr(data, "own"),
            "fuxictr_in_memory": lambda: fuxictr(data, "memory"),
        }
        runs: dict[str, list[int]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, run in sides.items():
                runs[name].append(round(run()))
                print(f"train: {name} {runs[name][-1]:,} rows/s", file=sys.stderr)
    best = {f"{name}_rows_s": max(found) for name, found in runs.items()}
    fastest = max(best["plain_dense_rows_s"], best["plain_sparse_rows_s"])
    told: dict[str, Any] = {
        **best,
        "runs_rows_s": runs,
        "batch_size": 4_096,
        "ratio_plain_np1": round(best["ours_np1_rows_s"] / fastest, 2),
        "ratio_plain_np2": round(best["ours_np2_rows_s"] / fastest, 2),
        "ratio_fuxictr": round(best["ours_np1_rows_s"] / best["fuxictr_rows_s"], 2),
        "ratio_fuxictr_in_memory": round(
            best["ours_np1_rows_s"] / best["fuxictr_in_memory_rows_s"], 2
        ),
    }
    print(write("train", told).read_text())


if __name__ == "__main__":
    main()
