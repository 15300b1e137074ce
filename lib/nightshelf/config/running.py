"""Keys of where a run works: the warehouse, Spark, and the log it writes."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from nightshelf.config.section import Section, without_secrets


class WarehouseConfig(Section):
    root: str = Field("warehouse", min_length=1, description="root URI of all tables and models")
    metastore_database: str | None = Field(
        None, description="database in which tables are registered; null: by path only"
    )
    lock_stale_seconds: int = Field(
        600, ge=30, description="a lock not renewed for so long has no owner any more (not file:)"
    )
    commit_wait_seconds: int = Field(
        120,
        ge=0,
        description="longest wait for another commit to the same table, or for another night's "
        "ingest of the same window of days",
    )


class SparkConfig(Section):
    master: str = Field("local[*]", description="used where spark-submit names no master")
    driver_memory: str = Field(
        "4g", pattern=r"^\d+[mg]$", description="heap of a JVM that the job starts itself"
    )
    shuffle_partitions: int = Field(
        8, ge=1, le=100_000, description="partitions of a shuffle; 2 to 4 a core"
    )
    conf: Annotated[dict[str, str], AfterValidator(without_secrets)] = Field(
        {}, description="any further Spark settings, passed on as they are; no secrets"
    )


class LoggingConfig(Section):
    format: Literal["auto", "plain", "json"] = Field(
        "auto", description="auto: plain on a terminal, JSON lines elsewhere"
    )
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="lowest level")
