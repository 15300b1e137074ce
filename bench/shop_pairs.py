"""Distinct pairs of user and item, skewed as in a shop: some hot items, some busy users."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.tables import SILVER_EVENTS

ITEMS = 27_000
PAIRS_A_USER = 15_900_000 / 138_000
ACTIVITY_SIGMA = 1.1
POPULARITY_EXPONENT = -0.9
CLOSE_ENOUGH = 0.003
USERS_AT_ONCE = 200_000
FILES = 8
DAYS, AS_OF = 30, date(2026, 1, 30)

Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Pairs:
    """N distinct pairs, sorted by user: user (N,), item (N,)."""

    user: Ints
    item: Ints

    def __len__(self) -> int:
        return len(self.user)

    @property
    def updates(self) -> int:
        """Ordered pairs of items in the same history, an item with itself too."""
        return int((np.bincount(self.user).astype(np.int64) ** 2).sum())

    def of_users(self, share: float) -> "Pairs":
        """The pairs of the first users."""
        kept = self.user < int(share * (int(self.user[-1]) + 1))
        return Pairs(self.user[kept], self.item[kept])


def shop_pairs(wanted: int) -> Pairs:
    """About `wanted` pairs, 115 a user: activity is lognormal, popularity a power of the rank.

    Items are drawn with replacement and repeated pairs dropped, so the number of draws is searched.
    """
    users = max(1, round(wanted / PAIRS_A_USER))
    rng = np.random.default_rng(0)
    activity = rng.lognormal(0.0, ACTIVITY_SIGMA, users)
    share = np.arange(1, ITEMS + 1) ** POPULARITY_EXPONENT
    below = np.cumsum(share / share.sum())
    ids = rng.permutation(ITEMS).astype(np.int32)
    sample = np.arange(users) < max(users // 10, 2_000)
    draws = PAIRS_A_USER
    for _ in range(8):
        kept = sum(len(found) for found in _drawn(activity[sample], draws, below))
        ratio = PAIRS_A_USER * sample.sum() / kept
        if abs(ratio - 1.0) < CLOSE_ENOUGH:
            break
        draws *= ratio**1.2
    found = np.concatenate(list(_drawn(activity, draws, below)))
    return Pairs((found // ITEMS).astype(np.int32), ids[found % ITEMS])


def _drawn(
    activity: NDArray[np.float64], mean: float, below: NDArray[np.float64]
) -> Iterator[NDArray[np.int64]]:
    rng = np.random.default_rng(1)
    draws = np.maximum(1, np.rint(activity / activity.mean() * mean)).astype(np.int64)
    for start in range(0, len(draws), USERS_AT_ONCE):
        some = draws[start : start + USERS_AT_ONCE]
        user = np.repeat(np.arange(start, start + len(some), dtype=np.int64), some)
        item = np.searchsorted(below, rng.random(len(user))).clip(max=ITEMS - 1)
        yield np.unique(user * ITEMS + item)


def write_shop(spark: SparkSession, pairs: Pairs, folder: Path, files: int = FILES) -> Path:
    """A warehouse in a new folder, which is returned, with a click a pair in 30 days.

    The pairs lie in pairs.parquet too: [user int, item int], as the peers read them, and the number
    of each row.
    """
    folder.mkdir()
    path = folder / "pairs.parquet"
    n = np.arange(len(pairs), dtype=np.int32)
    pq.write_table(pa.table({"user": pairs.user, "item": pairs.item, "n": n}), path)
    second = F.pmod(F.xxhash64("user", "item", "n"), F.lit(DAYS * 86_400))
    first = datetime.combine(AS_OF - timedelta(days=DAYS - 1), datetime.min.time(), UTC)
    at = F.timestamp_seconds(F.lit(int(first.timestamp())) + second)
    made = spark.read.parquet(str(path)).select(
        F.concat(F.lit("u"), "user").alias("user_id"),
        F.concat(F.lit("i"), "item").alias("item_id"),
        F.lit("click").alias("event_type"),
        at.alias("event_ts"),
        F.lit("s").alias("session_id"),
        F.concat_ws(":", "user", "item", "n").alias("source_row"),
        F.to_date(at).alias("ds"),
    )
    laid_out = _laid_out(made, files)
    laid_out.write.format("delta").save(str(folder / SILVER_EVENTS.path))
    return folder


def _laid_out(made: DataFrame, files: int) -> DataFrame:
    table = SILVER_EVENTS
    missing = {
        c.name: F.lit(None).cast(c.type) for c in table.columns if c.name not in made.columns
    }
    order = ("ds", *table.layout)
    complete = made.withColumns(missing).select(*(c.name for c in table.columns))
    return complete.repartitionByRange(files, *order).sortWithinPartitions(*order)
