"""What every test shares: one Spark session, stores, and the real data sets where present."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from pyspark.sql import DataFrame, SparkSession

from nightshelf.config import SparkConfig, WarehouseConfig
from nightshelf.literals import frame_of
from nightshelf.session import build
from nightshelf.tables import Store

ROOT = Path(__file__).resolve().parents[1]

Frame = Callable[[str, list[tuple[Any, ...]]], DataFrame]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """local[2] with Delta, UTC and four shuffle partitions; all for a quick start, not speed."""
    warehouse = tmp_path_factory.mktemp("spark-warehouse")
    session = build(
        SparkConfig(
            master="local[2]",
            driver_memory="3g",
            shuffle_partitions=4,
            conf={
                "spark.sql.warehouse.dir": str(warehouse),
                # Compiling each tiny query takes longer than running it uncompiled.
                "spark.sql.codegen.wholeStage": "false",
                "spark.sql.codegen.factoryMode": "NO_CODEGEN",
                "spark.sql.files.minPartitionNum": "2",
                # Uncompiled, they take longer than all else about a file.
                "spark.databricks.delta.stats.collect": "false",
                "spark.sql.ui.retainedExecutions": "10",
                "spark.python.daemon.module": "tests.worker_daemon",
                # Nor does the JVM's second compiler earn back here what it costs.
                "spark.driver.extraJavaOptions": (
                    "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m -XX:+UseSerialGC"
                ),
                "spark.hadoop.javax.jdo.option.ConnectionURL": (
                    f"jdbc:derby:;databaseName={warehouse}/metastore;create=true"
                ),
            },
        ),
        "tests",
        hive=True,
    )
    yield session
    session.stop()


@pytest.fixture(autouse=True)
def _forget_logging() -> Iterator[None]:
    """A job that ran in a test logs to the screen of that test, which is closed after it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True, scope="module")
def _forget_logs() -> Iterator[None]:
    """Delta keeps what it knows of each table for an hour: a gigabyte, after some hundred tests."""
    yield
    active = SparkSession.getActiveSession()
    if active is not None:
        active._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


@pytest.fixture(scope="session")
def frame(spark: SparkSession) -> Frame:
    """A frame of literal rows, by a DDL schema."""
    return lambda schema, rows: frame_of(spark, rows, schema)


@pytest.fixture
def store(spark: SparkSession, tmp_path: Path) -> Store:
    """An empty warehouse."""
    return Store(spark, WarehouseConfig(root=str(tmp_path / "warehouse")), "run-1")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the checkout; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real data sets in ../shared/data")
    return folder
