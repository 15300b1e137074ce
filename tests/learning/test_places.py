"""Ranks and cores of a local session; those of a cluster are looked at on one."""

import pytest
from pyspark.sql import SparkSession

from nightshelf.learning.places import Places


@pytest.mark.parametrize(("asked", "told"), [(None, (1, 2)), (2, (2, 1)), (3, (3, 1))])
def test_ranks_share_the_cores_of_a_local_session(
    spark: SparkSession, asked: int | None, told: tuple[int, int]
) -> None:
    assert Places.of(spark.sparkContext, asked) == Places(*told)
