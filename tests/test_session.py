"""The session's Python workers."""

import os
import sys
from collections.abc import Iterable
from zipimport import zipimporter

import pyarrow as pa
import pyspark
import pytest
from pyspark.sql import SparkSession

from nightshelf import session, worker_daemon
from nightshelf.config import SparkConfig


def test_workers_look_into_no_archive_before_each_task(spark: SparkSession) -> None:
    def told(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        for _ in batches:
            archives = [
                path
                for path, importer in sys.path_importer_cache.items()
                if isinstance(importer, zipimporter)
            ]
            found = [str(sys.modules["pyspark"].__file__), *archives]
            yield pa.RecordBatch.from_pydict({"path": found})

    found = spark.range(1).mapInArrow(told, "path string").collect()
    assert [row["path"] for row in found] == [pyspark.__file__]


def test_frames_and_rdds_share_a_daemon(spark: SparkSession) -> None:
    def told(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        for _ in batches:
            yield pa.RecordBatch.from_pydict({"daemon": [os.getppid()]})

    of_frames = spark.range(1).mapInArrow(told, "daemon bigint").collect()
    of_rdds = spark.sparkContext.range(1).map(lambda _: os.getppid()).collect()
    assert [row["daemon"] for row in of_frames] == of_rdds


def test_a_jvm_of_its_own_starts_them_by_the_librarys_daemon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    settings = session._own_jvm(SparkConfig(master="local[2]"))
    assert settings["spark.python.daemon.module"] == worker_daemon.__name__
