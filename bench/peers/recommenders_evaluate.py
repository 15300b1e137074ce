"""How long recommenders' SparkRankingEvaluation takes to judge lists in Parquet. Prints JSON.

Spark on local[2], with ids as numbers, which it wants; over some users first, which is not timed.
"""

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from recommenders.evaluation.spark_evaluation import SparkRankingEvaluation

CORES = 2


def judge(wanted: DataFrame, lists: DataFrame) -> dict[str, float]:
    """The four metrics that it has in common with others."""
    judged = SparkRankingEvaluation(
        wanted, lists, k=10, col_user="user", col_item="item", col_rating="rating",
        col_prediction="prediction",
    )  # fmt: skip
    return {
        "precision": judged.precision_at_k(),
        "recall": judged.recall_at_k(),
        "ndcg": judged.ndcg_at_k(),
        "map": judged.map_at_k(),
    }


def main() -> None:
    """Times it and prints."""
    folder = Path(sys.argv[1])
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master(f"local[{CORES}]")
        .config("spark.driver.memory", "8g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "localhost")
        .config("spark.sql.shuffle.partitions", 3 * CORES)
        .config("spark.ui.enabled", False)
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    ids = [F.col(f"{name}_id").cast("int").alias(name) for name in ("user", "item")]
    wanted = spark.read.parquet(str(folder / "wanted")).select(*ids, F.lit(1.0).alias("rating"))
    lists = spark.read.parquet(str(folder / "lists")).select(
        *ids, F.col("score").alias("prediction")
    )
    few = F.col("user") < 1_000
    judge(wanted.where(few), lists.where(few))
    began = time.monotonic()
    judge(wanted, lists)
    told = {
        "recommenders_version": version("recommenders"),
        "recommenders_s": round(time.monotonic() - began, 1),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
