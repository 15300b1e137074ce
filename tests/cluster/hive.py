"""What a shop does with its Hive metastore; for spark-submit.

Usage: hive.py fill ROOT | read DATABASE

`fill` makes the database `raw` with the simulated shop's events below ROOT; `read` prints how many
rows each table of a database has, by name.
"""

import json
import sys

from nightshelf.config import SparkConfig
from nightshelf.session import build

if __name__ == "__main__":
    spark = build(SparkConfig(), "hive", hive=True)
    what, where = sys.argv[1:]
    if what == "fill":
        spark.sql(f"CREATE DATABASE IF NOT EXISTS raw LOCATION '{where}/hive/raw'")
        events = spark.read.parquet(f"{where}/shop/events")
        events.write.partitionBy("ds").saveAsTable("raw.events", format="parquet", mode="overwrite")
    else:
        names = [row.tableName for row in spark.sql(f"SHOW TABLES IN {where}").collect()]
        print(json.dumps({name: spark.table(f"{where}.{name}").count() for name in names}))
