"""The only builder of a SparkSession."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyspark.sql import SparkSession

from nightshelf.config import SparkConfig

SETTINGS: Final = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    # Microseconds: the type that other Parquet readers expect; Spark's own default is INT96.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Tables are read by DuckDB, delta-rs and others that know neither.
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
    "spark.databricks.delta.properties.defaults.columnMapping.mode": "none",
    # A night's log is small: 50 partitions to replay it cost seconds at each read on a laptop.
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.sources.partitionOverwriteMode": "static",
    "spark.ui.showConsoleProgress": "false",
    # Else tasks of frames and of RDDs each have a daemon of Python workers, with its imports.
    "spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled": "false",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
    # Rows of packed tables are megabytes each.
    "spark.sql.execution.arrow.maxBytesPerBatch": "64m",
}
SCAN_TASKS_A_CORE: Final = 4
SECRET: Final = "_SPARK_AUTH_SECRET"  # noqa: S105 (its name)
"""The variable by which Spark's own master, workers and executors are told the secret."""
_SCAN_TASKS: Final = "spark.sql.files.minPartitionNum"


def build(config: SparkConfig, app: str, hive: bool = False) -> SparkSession:
    """The session of this process: a new one, or the running one with this app's settings.

    Under spark-submit the master and the memory are those of the command line; elsewhere the
    process starts its own JVM with the config's. `hive` turns on the metastore's catalogue.
    """
    builder = SparkSession.builder.appName(f"nightshelf {app}")
    # Executors would take whatever `python3` is on the PATH.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    for key, value in (SETTINGS | _own_jvm(config) | _secret() | config.conf).items():
        builder = builder.config(key, value)
    builder = builder.config("spark.sql.shuffle.partitions", str(config.shuffle_partitions))
    if hive:
        builder = builder.enableHiveSupport()
    with _quiet_start():
        spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    # Spark cuts a scan into a task a core, of uneven sizes: the others would wait for the last.
    if spark.conf.get(_SCAN_TASKS, None) is None:
        tasks = SCAN_TASKS_A_CORE * spark.sparkContext.defaultParallelism
        spark.conf.set(_SCAN_TASKS, str(tasks))
    # PySpark's own copy of an exception that is raised anyway.
    logging.getLogger("DataFrameQueryContextLogger").disabled = True
    logging.getLogger("SQLQueryContextLogger").disabled = True
    return spark


def under_spark_submit() -> bool:
    """Whether spark-submit started this process and its JVM."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _secret() -> dict[str, str]:
    """What a standalone cluster's driver authenticates itself by, from the environment.

    Under YARN and Kubernetes Spark makes a secret by itself.
    """
    secret = os.environ.get(SECRET)
    return {"spark.authenticate.secret": secret} if secret else {}


def _own_jvm(config: SparkConfig) -> dict[str, str]:
    if under_spark_submit():
        return {}
    settings = {"spark.master": config.master, "spark.driver.memory": config.driver_memory}
    if config.master.startswith("local"):
        settings |= {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1"}
        settings |= {"spark.driver.bindAddress": "127.0.0.1"}
        if os.environ["PYSPARK_PYTHON"] == sys.executable:
            settings |= {"spark.python.daemon.module": "nightshelf.worker_daemon"}
    return settings


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Lets a JVM that starts here write its warnings to a file instead of the screen.

    The JVM inherits file descriptor 2 for its whole life, so it has to be changed around the start.
    """
    if under_spark_submit() or os.environ.get("NIGHTSHELF_SPARK_STDERR") == "show":
        yield
        return
    log = Path(tempfile.gettempdir()) / f"nightshelf-spark-{os.getuid()}.log"
    sys.stderr.flush()
    screen = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(screen, 2)
        os.close(screen)
