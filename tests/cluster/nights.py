"""Nights of a tiny simulated shop, and what they give."""

from dataclasses import dataclass

from pyspark.sql import SparkSession

from nightshelf.config import WarehouseConfig
from nightshelf.tables import TABLES, Store
from nightshelf.tables.digest import digest

LAST = "2026-01-10"
SHOP = (
    "simulate.users=150", "simulate.items=100", "simulate.days=10", "simulate.sessions_per_day=0.8",
    "ctr.ranks=2", "ctr.threads=1", "ctr.min_positives=20", "ctr.epochs=2", "towers.epochs=2",
    "text_training.min_pairs=20", "text_training.pairs=120", "spark.shuffle_partitions=2",
)  # fmt: skip


@dataclass(frozen=True)
class Night:
    """A night that went well: its warehouse, and the digests of its tables right after it."""

    root: str
    digests: dict[str, str]


def arguments(root: str, *more: str) -> list[str]:
    """Of a job: the shop's last day, its warehouse, and further keys."""
    keys = (f"warehouse.root={root}", *SHOP, *more)
    return ["--ds", LAST, *(word for key in keys for word in ("--set", key))]


def store(spark: SparkSession, root: str) -> Store:
    """A fresh reader."""
    return Store(spark, WarehouseConfig(root=root), "reader")


def digests(spark: SparkSession, root: str) -> dict[str, str]:
    """Of all tables that hold results, by name; of refused rows but for the files they are from."""
    reader = store(spark, root)
    results = [table for table in TABLES if not table.name.startswith("ops.")]
    return {
        table.name: digest(reader.read(table), ignore=(*table.lineage, "source_file"))
        for table in results
        if reader.version(table) is not None
    }
