"""Tells where the driver and each executor find the library and their Python; for spark-submit."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from nightshelf.config import SparkConfig
from nightshelf.session import build


def here() -> tuple[str, str]:
    import nightshelf

    return str(Path(nightshelf.__file__).absolute()), sys.executable


def told(rows: Iterable[int]) -> Iterator[tuple[str, str]]:
    time.sleep(2)  # so that no executor runs both tasks
    yield here()


if __name__ == "__main__":
    spark = build(SparkConfig(), "where")
    executors = spark.sparkContext.parallelize(range(2), 2).mapPartitions(told).collect()
    print(json.dumps({"driver": here(), "executors": executors}))
