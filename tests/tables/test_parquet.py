"""Rows decoded in Python, from a path or from bytes that Spark read."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from nightshelf.columns import ITEM, RANK
from nightshelf.tables import ITEM_NEIGHBOURS
from nightshelf.tables.parquet import Batches, contents, rows


@pytest.mark.parametrize("local", ["file:", "hdfs:"])
def test_paths_and_bytes_give_the_same_rows(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local: str
) -> None:
    monkeypatch.setattr("nightshelf.tables.parquet._LOCAL", local)
    folder = tmp_path / "a [b] {c} d%20é"
    spark.range(6).selectExpr("concat('i', id % 2) item_id", "int(id) rank").coalesce(
        2
    ).write.parquet(str(folder))
    files = [f"file:{path}" for path in sorted(folder.glob("*.parquet"))]

    def told(batches: Batches) -> Batches:
        for batch in rows(batches, ITEM_NEIGHBOURS, [ITEM, RANK]):
            item = batch.column(ITEM).dictionary_decode()
            yield pa.RecordBatch.from_arrays([item, batch.column(RANK)], [ITEM, RANK])

    found = contents(spark, files).mapInArrow(told, "item_id string, rank int").collect()
    assert sorted((r[ITEM], r[RANK]) for r in found) == sorted((f"i{n % 2}", n) for n in range(6))


def test_no_file_has_no_rows(spark: SparkSession) -> None:
    assert contents(spark, []).count() == 0
