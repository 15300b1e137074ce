"""Rows that the program tells arrive as they are, without a Python worker."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pyspark.errors import PySparkValueError
from pyspark.sql import Row, SparkSession
from pyspark.sql.types import LongType, StructField, StructType

from nightshelf.literals import frame_of

TOLD = (
    "s string, n int, x double, d date, t timestamp, m map<string, double>,"
    " a array<float>, p struct<name: string, rank: int>, b binary"
)


def test_values_of_every_kind(spark: SparkSession) -> None:
    rows: list[tuple[Any, ...]] = [
        (
            "a", 1, 0.5, date(2026, 11, 23), datetime(2026, 11, 23, 10, tzinfo=UTC),
            {"x": 0.5}, [0.25, 0.5], ("mug", 1), b"\x00\xff",
        ),
        (None,) * 9,
    ]  # fmt: skip
    first, nulls = frame_of(spark, rows, TOLD).orderBy("n", ascending=False).collect()
    assert first.p == Row(name="mug", rank=1)
    assert first.t.astimezone(UTC) == rows[0][4]
    assert [first[n] for n in (0, 1, 2, 3, 5, 6, 8)] == [rows[0][n] for n in (0, 1, 2, 3, 5, 6, 8)]
    assert tuple(nulls) == rows[1]


def test_they_lie_in_the_plan(spark: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    frame_of(spark, [(1,), (2,)], "n int").explain()
    assert "LocalTableScan" in capsys.readouterr().out


def test_no_rows_have_the_columns(spark: SparkSession) -> None:
    nothing = frame_of(spark, [], TOLD)
    assert nothing.collect() == []
    assert nothing.schema == StructType.fromDDL(TOLD)


def test_a_null_where_there_is_none_is_an_error(spark: SparkSession) -> None:
    schema = StructType([StructField("n", LongType(), nullable=False)])
    with pytest.raises(PySparkValueError, match="must not be None"):
        frame_of(spark, [(None,)], schema)
