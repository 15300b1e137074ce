"""Frames of rows that the program itself tells."""

from collections.abc import Sequence
from typing import Any, cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.conversion import LocalDataToArrowConversion
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType


def frame_of(
    spark: SparkSession, rows: Sequence[Sequence[Any]], schema: StructType | str
) -> DataFrame:
    """The rows, which lie in the plan; their values in the order of the schema or of its DDL.

    Through Arrow: of a list Spark makes an RDD that Python workers unpickle whenever it is read.
    """
    told = cast("StructType", StructType.fromDDL(schema)) if isinstance(schema, str) else schema
    table = (
        LocalDataToArrowConversion.convert(list(rows), told, use_large_var_types=False)
        if rows
        else to_arrow_schema(told).empty_table()
    )
    return spark.createDataFrame(table, told)
