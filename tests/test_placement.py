"""Keys land in the partitions they were chosen for."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nightshelf.literals import frame_of
from nightshelf.placement import part_keys, spark_hash


def test_equals_the_hash_of_spark(spark: SparkSession) -> None:
    values = [0, 1, 2, 41, 65_536, 2**31 - 1]
    frame = frame_of(spark, [(v,) for v in values], "value int")
    told = {r[0]: r[1] for r in frame.select("value", F.hash("value")).collect()}
    assert {v: spark_hash(v) for v in values} == told
    assert spark_hash(0) == 933211791


@pytest.mark.parametrize("partitions", [1, 2, 7])
def test_each_key_has_a_partition_of_its_own(spark: SparkSession, partitions: int) -> None:
    keys = part_keys(partitions)
    frame = frame_of(spark, [(k,) for k in reversed(keys)], "key int")
    placed = frame.repartition(partitions, "key").select("key", F.spark_partition_id())
    assert {r[0]: r[1] for r in placed.collect()} == {k: n for n, k in enumerate(keys)}
