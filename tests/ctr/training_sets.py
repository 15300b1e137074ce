"""Small training sets with a planted taste, written as build_samples writes them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nightshelf.fields import Categorical, History, Inputs, Numeric

INPUTS = Inputs(
    categorical=(Categorical("user_id", 12), Categorical("item_id", 20)),
    numeric=(Numeric("price"), Numeric("age")),
    history=History("item_id", 3, types=4, ages=5),
)


def columns(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Users like items of their own parity, cheap ones more; row n has the number n as its user."""
    rng = np.random.default_rng(seed)
    user, item = rng.integers(1, 12, rows), rng.integers(1, 20, rows)
    price, age = rng.normal(size=(2, rows)).astype(np.float32)
    liking = np.where(user % 2 == item % 2, 1.5, -1.5) - 0.7 * price
    told = {
        "user_id": user.astype(np.int32),
        "item_id": item.astype(np.int32),
        "price": price,
        "age": age,
    }
    recent = rng.integers(0, 20, (rows, 3)).astype(np.int32)
    for name, column in zip(
        INPUTS.history_columns,
        (*recent.T, *(recent > 0).astype(np.int32).T, *(2 * (recent > 0)).astype(np.int32).T),
        strict=True,
    ):
        told[name] = column
    told["label_click"] = (rng.random(rows) < 1 / (1 + np.exp(-liking))).astype(np.float32)
    told["weight"] = np.ones(rows, np.float32)
    told["user"] = np.arange(rows, dtype=np.int64)
    return told


def write(folder: Path, sizes: list[int], seed: int = 0) -> None:
    """A split in files of one row group each, of the sizes given."""
    folder.mkdir(parents=True)
    table = pa.table(columns(sum(sizes), seed))
    start = 0
    for n, size in enumerate(sizes):
        pq.write_table(table.slice(start, size), folder / f"part-{n:05d}.parquet")
        start += size


def training_set(root: Path, rows: int = 4_000, groups: int = 4) -> Path:
    """Train, valid and test under `root`."""
    sizes = [rows * (n + 1) // groups - rows * n // groups for n in range(groups)]
    for seed, split in enumerate(("train", "valid", "test")):
        write(root / split, sizes, seed)
    (root / "inputs.json").write_text(INPUTS.to_json())
    return root
