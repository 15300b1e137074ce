"""How long an application waits for the list of one user: results/read.json.

    python bench/read.py

serving.recommendations of a million users with 20 rows each, written as a night writes it, in its
files. Then the lists of 1,000 users drawn at random are read, one after another, in a process that
has read 50 others before (warm), by

- `duckdb`: a connection that keeps the file list it once got from delta-rs, and one SQL query a
  user over `read_parquet` of it;
- `delta_rs`: delta-rs' own query engine on the table, opened once;
- `spark`: a session on two cores, `where user_id = ...` on the table.

Told are the median and the 99th percentile in milliseconds, and the file that one user's list lies
in: how many there are, and how many hold rows of one user. Each list is checked: 20 rows, in order.
"""

import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from report import write

from nightshelf.config import SparkConfig, WarehouseConfig
from nightshelf.literals import frame_of
from nightshelf.session import build
from nightshelf.tables import SERVING_RECOMMENDATIONS, Store

USERS, ROWS, ASKED, WARM, ITEMS, STEP = 1_000_000, 20, 1_000, 50, 100_000, 4_999
DS = date(2026, 11, 24)
COLUMNS = "rank, item_id, score, source, reason"

Read = Callable[[str], list[Any]]


def name(n: Any) -> Any:
    """A user's id, in no order of its number: 16 hex digits."""
    return F.substring(F.sha2(n.cast("string"), 256), 1, 16)


def publish(spark: SparkSession, root: str) -> str:
    """The table, as a night publishes it; returns where it lies."""
    store = Store(spark, WarehouseConfig(root=root), "bench")
    user = (F.col("id") / ROWS).cast("long")
    # From a place of the user's own on, in steps that come to no item twice.
    item = (F.pmod(F.xxhash64(user), F.lit(ITEMS)) + F.col("id") % ROWS * STEP) % ITEMS
    rows = spark.range(USERS * ROWS).select(
        name(user).alias("user_id"),
        (F.col("id") % ROWS + 1).cast("int").alias("rank"),
        F.format_string("item-%06d", item).alias("item_id"),
        (F.lit(1.0) / (F.col("id") % ROWS + 2)).alias("score"),
        F.lit("item_cf").alias("source"),
        F.concat(F.lit("Because you bought item-"), F.col("id") % 1000).alias("reason"),
        F.format_string("item-%06d", F.pmod(F.hash("id"), F.lit(ITEMS))).alias("seed_item_id"),
        F.lit(None).cast("array<string>").alias("features"),
        F.lit("dcn_v2-2026-11-24-0123abcd").alias("model_id"),
        F.lit("2026-11-24-0123456789ab").alias("run_id"),
        F.lit(DS).alias("ds"),
    )
    store.publish(rows, SERVING_RECOMMENDATIONS, DS)
    return store.path(SERVING_RECOMMENDATIONS).removeprefix("file:")


def by_duckdb(table: str) -> Read:
    """One connection; the files' footers stay in its memory."""
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET parquet_metadata_cache = true")
    files = DeltaTable(table).file_uris()
    query = f"SELECT {COLUMNS} FROM read_parquet($files) WHERE user_id = $user ORDER BY rank"

    def read(user: str) -> list[Any]:
        return connection.execute(query, {"files": files, "user": user}).fetchall()

    return read


def by_delta_rs(table: str) -> Read:
    """Its query engine, which reads the log once."""
    builder = QueryBuilder().register("lists", DeltaTable(table))

    def read(user: str) -> list[Any]:
        told = f"SELECT {COLUMNS} FROM lists WHERE user_id = '{user}' ORDER BY rank"
        batches = builder.execute(told).read_all()
        return list(zip(*(column.to_pylist() for column in batches.columns), strict=True))

    return read


def by_spark(spark: SparkSession, table: str) -> Read:
    """A frame of the table, asked anew each time."""
    lists = spark.read.format("delta").load(table)

    def read(user: str) -> list[Any]:
        mine = lists.where(F.col("user_id") == user).orderBy("rank")
        return [tuple(row) for row in mine.select(*COLUMNS.split(", ")).collect()]

    return read


def waits(read: Read, users: list[str], asked: int) -> np.ndarray[Any, Any]:
    """Milliseconds for each of the users' lists."""
    found = []
    for n, user in enumerate(users[: WARM + asked]):
        began = time.perf_counter()
        rows = read(user)
        if n >= WARM:
            found.append((time.perf_counter() - began) * 1_000)
        if [row[0] for row in rows] != list(range(1, ROWS + 1)):
            raise AssertionError(f"{user}: expected ranks 1 to {ROWS}, found {rows}")
    return np.array(found)


def main() -> None:
    """Measures all three."""
    with tempfile.TemporaryDirectory() as root:
        spark = build(SparkConfig(master="local[2]", driver_memory="6g"), "read bench")
        began = time.monotonic()
        table = publish(spark, root)
        published = time.monotonic() - began
        numbers = np.random.default_rng(7).integers(0, USERS, WARM + ASKED).tolist()
        asked = frame_of(spark, [(n,) for n in numbers], "n long").select(name(F.col("n")))
        users = [row[0] for row in asked.collect()]
        told: dict[str, Any] = {}
        ways = {
            "duckdb": (by_duckdb(table), ASKED),
            "delta_rs": (by_delta_rs(table), ASKED),
            "spark": (by_spark(spark, table), ASKED // 10),
        }
        for way, (read, n) in ways.items():
            found = waits(read, users, n)
            told[f"{way}_p50_ms"] = round(float(np.percentile(found, 50)), 2)
            told[f"{way}_p99_ms"] = round(float(np.percentile(found, 99)), 2)
        files = [Path(uri.removeprefix("file://")) for uri in DeltaTable(table).file_uris()]
        spark.stop()
        write(
            "read",
            {
                "users": USERS,
                "rows_a_user": ROWS,
                "asked": ASKED,
                "files": len(files),
                "files_with_one_user": files_with(files, users[0]),
                "mb": round(sum(file.stat().st_size for file in files) / 2**20, 1),
                "publish_s": round(published, 1),
                **told,
            },
        )


def files_with(files: list[Path], user: str) -> int:
    """In how many files a user's rows lie."""
    lists = "read_parquet($files, filename = true)"
    query = f"SELECT count(DISTINCT filename) FROM {lists} WHERE user_id = $user"
    found = duckdb.execute(query, {"files": [str(file) for file in files], "user": user}).fetchone()
    assert found is not None
    return int(found[0])


if __name__ == "__main__":
    main()
