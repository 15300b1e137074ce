"""How long RePlay's Spark `ItemKNN` takes to find each item's K nearest of a set of pairs.

The pairs are Parquet of the int32 columns `user` and `item`, each pair once. The model keeps
RePlay's defaults: no shrinkage, no weighting, ratings of 1. Spark runs on local[2] with a driver of
8 GB and RePlay's usual number of shuffle partitions, three a core. Before the fit is timed, the
pairs are spread over as many partitions and cached: RePlay joins them as they lie, and a single
file would be joined on a single core. The fit ends with every similarity counted, since RePlay
caches and counts them within. Peak memory holds the JVM. Prints JSON.
"""

import argparse
import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

from peak_memory import WatchedMemory
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from replay.data import Dataset, FeatureHint, FeatureInfo, FeatureSchema, FeatureType
from replay.models import ItemKNN
from replay.utils.session_handler import State

CORES = 2


def session() -> SparkSession:
    """A Spark session for RePlay to use; its own would fetch a jar this model does not need."""
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
    State(spark)
    return spark


def read_pairs(spark: SparkSession, folder: Path) -> Dataset:
    """The pairs as RePlay takes them, with a rating of 1, spread evenly and kept in memory."""
    schema = FeatureSchema(
        [
            FeatureInfo("user", FeatureType.CATEGORICAL, FeatureHint.QUERY_ID),
            FeatureInfo("item", FeatureType.CATEGORICAL, FeatureHint.ITEM_ID),
            FeatureInfo("rating", FeatureType.NUMERICAL, FeatureHint.RATING),
        ]
    )
    pairs = spark.read.parquet(str(folder)).select("user", "item", F.lit(1.0).alias("rating"))
    return Dataset(schema, pairs.repartition(3 * CORES).cache())


def main() -> None:
    """Times the fit and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path, help="folder or file of Parquet")
    parser.add_argument("k", type=int, help="neighbours of an item")
    args = parser.parse_args()
    with WatchedMemory() as memory:
        spark = session()
        dataset = read_pairs(spark, args.pairs)
        pairs = dataset.interactions.count()
        model = ItemKNN(num_neighbours=args.k)
        began = time.perf_counter()
        model.fit(dataset)
        seconds = time.perf_counter() - began
    neighbours = model.similarity.count()
    spark.stop()
    figures = {
        "fit_s": round(seconds, 1),
        "pairs": pairs,
        "neighbours": neighbours,
        "peak_rss_mb": memory.mb,
        "version": version("replay-rec"),
        "pyspark": version("pyspark"),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
