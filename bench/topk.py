"""How fast the n best items of every user are found, beside Spark's own ALS with the same factors.

Writes results/topk.json: the seconds of `nearest_items` and of ALS's `recommendForAllUsers` in one
warm session on local[2], the best of three runs each, from Parquet to Spark's noop sink; how many
times faster ours is; the share of the items that ALS gives the first users that are ours too; and
the peak memory of all processes while ours runs. ALS multiplies by the BLAS that Spark ships, which
is Java; ours returns each item as a row with its id as a string, ALS an array a user.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.ml.recommendation import ALSModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from report import watched, write

from nightshelf.config import SparkConfig
from nightshelf.retrieval.exact import nearest_items
from nightshelf.session import build

USERS, ITEMS, DIM, N = 59_790, 10_000, 64, 100
WARM_USERS = 4_000  # they also are compared
FILES = 8
RUNS = 3


def factors(spark: SparkSession, folder: Path, count: int, rng: np.random.Generator) -> DataFrame:
    """[id int, features array<float>]: random normal vectors, in Parquet files as a model's are."""
    vectors = rng.standard_normal((count, DIM), dtype=np.float32)
    table = pa.table(
        {
            "id": np.arange(count, dtype=np.int32),
            "features": pa.FixedSizeListArray.from_arrays(vectors.ravel(), DIM).cast(
                pa.list_(pa.float32())
            ),
        }
    )
    folder.mkdir()
    for part in range(FILES):
        rows = range(part, count, FILES)
        pq.write_table(table.take(pa.array(rows)), folder / f"{part}.parquet")
    return spark.read.parquet(str(folder))


def als(users: DataFrame, items: DataFrame) -> DataFrame:
    """[id, recommendations]: what ALS finds with these factors."""
    jvm: Any = users.sparkSession._jvm
    model = jvm.org.apache.spark.ml.recommendation.ALSModel("als", DIM, users._jdf, items._jdf)
    return ALSModel(model.setUserCol("id").setItemCol("item")).recommendForAllUsers(N)


def ours(users: DataFrame, items: DataFrame) -> DataFrame:
    """[user_id, rank, item_id, score]: what `nearest_items` finds, with ids as strings."""
    known = items.selectExpr("string(id) item_id", "features vector")
    asking = users.selectExpr("string(id) user_id", "features vector")
    return asking.transform(nearest_items(known, n=N))


def seconds(find: Callable[[], DataFrame]) -> float:
    """From the call until every row has been made and thrown away."""
    began = time.monotonic()
    find().write.format("noop").mode("overwrite").save()
    return time.monotonic() - began


def overlap(found: DataFrame, theirs: DataFrame) -> float:
    """The share of ALS's pairs of user and item that are among ours."""
    pairs = theirs.select(
        F.col("id").cast("string").alias("user_id"),
        F.explode(F.expr("CAST(recommendations.item AS ARRAY<STRING>)")).alias("item_id"),
    )
    known = found.select("user_id", "item_id", F.lit(1).alias("ours"))
    joined = pairs.join(known, ["user_id", "item_id"], "left")
    return float(joined.agg(F.count("ours") / F.count("*")).collect()[0][0])


def retrieval(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """The figures of exact retrieval against ALS."""
    rng = np.random.default_rng(0)
    users = factors(spark, folder / "users", USERS, rng)
    items = factors(spark, folder / "items", ITEMS, rng)
    warm = users.where(F.col("id") < WARM_USERS)
    same = overlap(ours(warm, items), als(warm, items))
    with watched() as memory:  # apart from the timed runs: sampling takes time
        seconds(lambda: ours(users, items))
    ours_s = min(seconds(lambda: ours(users, items)) for _ in range(RUNS))
    als_s = min(seconds(lambda: als(users, items)) for _ in range(RUNS))
    return {
        "users": USERS,
        "items": ITEMS,
        "rank": DIM,
        "n": N,
        "ours_s": round(ours_s, 2),
        "als_s": round(als_s, 2),
        "ratio": round(als_s / ours_s, 1),
        "overlap": round(same, 5),
        "peak_rss_mb": memory.total // 2**20,
    }


def main() -> None:
    """Measures in one session of this process."""
    spark = build(SparkConfig(master="local[2]", driver_memory="4g", shuffle_partitions=4), "topk")
    with tempfile.TemporaryDirectory() as folder:
        figures = retrieval(spark, Path(folder))
    spark.stop()
    print(write("topk", figures).read_text())


if __name__ == "__main__":
    main()
