"""How fast Spark scores candidates by a trained model, beside plain PyTorch: results/score.json.

A simulated shop's night is run up to its trained DCN-v2. Then 200 random items a user are scored on
local[2] in a warm session, from Parquet to Spark's noop sink: as in a night, which joins the users'
features, encodes both sides, computes the cross features and the calibrated probabilities. Plain
PyTorch has nothing of this to do: the same network, on two threads, takes rows that lie encoded in
memory as tensors, at most 200,000, by the best of four batch sizes. The best of three runs each
counts.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from report import watch, write

from nightshelf.config import SparkConfig
from nightshelf.ctr.decoding import shard
from nightshelf.ctr.models import TWO_TOWER
from nightshelf.ctr.table import batch_of
from nightshelf.ctr.trained import Trained
from nightshelf.fields import Rows
from nightshelf.learning.precision import Precision
from nightshelf.learning.storage import Folder
from nightshelf.ranking.model import RankingModel
from nightshelf.session import build

SHOP = ("users=5200", "items=2000", "days=30", "sessions_per_day=0.25")
A_USER = 200
BATCHES = (1_024, 2_048, 4_096, 8_192)
RUNS = 3


def candidates(users: DataFrame, items: DataFrame, folder: Path) -> DataFrame:
    """[user_id, item_id] about `A_USER` items a user, drawn by a hash, in Parquet."""
    share = A_USER / items.count()
    drawn = F.pmod(F.xxhash64("user_id", "item_id"), F.lit(10_000)) < int(share * 10_000)
    pairs = users.select("user_id").crossJoin(items.select("item_id")).where(drawn)
    pairs.repartition(8).write.parquet(str(folder))
    return users.sparkSession.read.parquet(str(folder))


def fastest(run: Callable[[], None]) -> float:
    """Seconds of the fastest of `RUNS` runs after a first one."""
    run()
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def by_spark(spark: SparkSession, root: Path, model: Path, folder: Path) -> dict[str, Any]:
    """Rows a second of the night's own scoring, in both precisions."""
    users, items, neighbours = (
        spark.read.format("delta").load(str(root / "gold" / name)).drop("ingested_at")
        for name in ("user_features", "item_features", "item_neighbours")
    )
    pairs = candidates(users, items, folder)
    told: dict[str, Any] = {"rows": pairs.count()}
    precisions: dict[str, Precision] = {"ours_rows_s": "fp32", "ours_bf16_rows_s": "bf16"}
    for name, precision in precisions.items():
        clicks = RankingModel.of("bench", str(model), precision).clicks(users, items, neighbours)
        scored = pairs.transform(clicks)
        seconds = fastest(lambda s=scored: s.write.format("noop").mode("overwrite").save())
        told[name] = round(told["rows"] / seconds)
    return told


def by_torch(model: Path, data: Path, rows: int) -> dict[str, Any]:
    """Rows a second of the network alone, by batch size."""
    torch.set_num_threads(2)
    trained = Trained.load(Folder(str(model)))
    own = shard(Folder(str(data)), trained.inputs)
    there = min(rows, 200_000)
    (some,) = own.batches([there], None)
    told = {}
    for size in BATCHES:
        batches = [some.take(slice(start, start + size)) for start in range(0, there, size)]
        ready = [(b, [torch.from_numpy(p) for p in trained.layout.table_rows(b)]) for b in batches]
        seconds = fastest(lambda r=ready: network_alone(trained, r))
        told[str(size)] = round(there / seconds)
    return {"plain_rows_s": max(told.values()), "plain_rows_s_by_batch": told}


def network_alone(trained: Trained, ready: list[tuple[Rows, list[torch.Tensor]]]) -> None:
    """Looks up and multiplies, nothing else."""
    device = torch.device("cpu")
    with torch.inference_mode():
        for rows, places in ready:
            fields, items = (torch.nn.functional.embedding(p, trained.table) for p in places)
            batch = batch_of(rows, fields, items, trained.layout, device)
            torch.sigmoid(trained.network(batch))


def main() -> None:
    """Trains, scores both ways, writes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "warehouse"
        shop = [f"simulate.{key}" for key in SHOP]
        watch("nightly", [f"warehouse.root={root}", *shop], ("--to", "train_ctr"))
        spark = build(SparkConfig(master="local[2]", driver_memory="4g"), "score bench")
        (model,) = (path for path in (root / "models").iterdir() if is_ranker(path))
        told = by_spark(spark, root, model, Path(folder) / "candidates")
        spark.stop()
        (data,) = (root / "training").iterdir()
        told |= by_torch(model, data / "train", told["rows"])
    told["ratio"] = round(told["ours_rows_s"] / told["plain_rows_s"], 2)
    print(write("score", told).read_text())


def is_ranker(model: Path) -> bool:
    """Whether a folder holds the ranking model, not the towers."""
    return Trained.load(Folder(str(model))).architecture.name != TWO_TOWER


if __name__ == "__main__":
    main()
