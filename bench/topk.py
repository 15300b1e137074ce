"""How fast the n best items of every user are found, beside Spark's own ALS with the same factors.

Writes results/topk.json: the seconds of `nearest_items` and of ALS's `recommendForAllUsers` in one
warm session on local[2], the best of three runs each, from Parquet to Spark's noop sink; how many
times faster ours is; the share of the items that ALS gives the first users that are ours too; and
the peak memory of all processes while ours runs. ALS multiplies by the BLAS that Spark ships, which
is Java; ours returns each item as a row with its id as a string, ALS an array a user.

With the ratings of MovieLens 1M in ../shared/data, also how fast the histories of all users are
scored, beside implicit's `recommend` in memory: 100 neighbours, 100 items, from packed histories
and neighbours in memory to rows thrown away, the best of three runs.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from peers.environment import run_peer
from pyspark.ml.recommendation import ALSModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from report import ROOT, watched, write

from nightshelf.cf.histories import from_pairs
from nightshelf.cf.item_neighbours import neighbours
from nightshelf.cf.plan import Limits
from nightshelf.cf.scoring import best_unseen
from nightshelf.config import SparkConfig
from nightshelf.retrieval.exact import nearest_items
from nightshelf.session import build

USERS, ITEMS, DIM, N = 59_790, 10_000, 64, 100
WARM_USERS = 4_000  # they also are compared
FILES = 8
RUNS = 3
PARTS = 4


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


def histories_s(spark: SparkSession, ratings: Path) -> float:
    """Seconds to score the histories of all users of MovieLens 1M."""
    pairs = (
        spark.read.parquet(str(ratings))
        .where("split != 'test'")
        .selectExpr("string(user_id) user_id", "string(item_id) item_id", "1.0D weight")
    )
    histories = pairs.transform(from_pairs(PARTS)).persist()
    near = neighbours(
        histories,
        similarity="cosine",
        k=N,
        shrinkage=0.0,
        min_co_users=1,
        limits=Limits(blocks=2),
    ).persist()
    near.count()

    def score() -> DataFrame:
        return histories.transform(best_unseen(near, histories, n=N, parts=PARTS))

    seconds(score)  # compiled code is loaded
    return min(seconds(score) for _ in range(RUNS))


def main() -> None:
    """Measures in one session of this process, then the peer in its own."""
    spark = build(SparkConfig(master="local[2]", driver_memory="4g", shuffle_partitions=4), "topk")
    ratings = ROOT.parent / "shared" / "data" / "ml-1m" / "ratings.parquet"
    with tempfile.TemporaryDirectory() as folder:
        figures = retrieval(spark, Path(folder))
    if ratings.exists():
        figures["histories_s"] = round(histories_s(spark, ratings), 2)
    spark.stop()
    if ratings.exists():
        theirs = run_peer("implicit", "implicit_recommend", ratings, N, N)
        figures["histories_implicit_s"] = theirs["recommend_s"]
        figures["histories_users"] = theirs["users"]
    else:
        print("topk: histories left out, they need ml-1m in ../shared/data", file=sys.stderr)
    print(write("topk", figures).read_text())


if __name__ == "__main__":
    main()
