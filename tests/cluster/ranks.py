"""Tells where ranks of a training run and what they see; for spark-submit.

Usage: ranks.py SECRET_NAME: the name of a variable that only the driver has
"""

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from nightshelf.config import SparkConfig
from nightshelf.learning.distributed import HorovodRanks, on_spark, see_own_gpu
from nightshelf.learning.places import Places
from nightshelf.session import build


def rank(secret: str) -> dict[str, Any]:
    import nightshelf

    see_own_gpu()
    ranks = HorovodRanks()
    return {
        "rank": ranks.rank,
        "size": ranks.size,
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "library": nightshelf.__file__,
        "python": sys.executable,
        "secret": os.environ.get(secret),
    }


if __name__ == "__main__":
    spark = build(SparkConfig(), "ranks")
    context = spark.sparkContext
    places = Places.of(context)
    told = on_spark(context, rank, (sys.argv[1],), places.ranks, {}, 120)
    print(json.dumps({"places": asdict(places), "ranks": told}))
