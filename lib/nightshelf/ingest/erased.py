"""Users who were erased: what the sources still tell of them stays out."""

import hashlib

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, USER, Transform

USER_HASH = "user_hash"


def digest_of(user: str) -> str:
    """What an erased user is remembered by: SHA-256 in hex of the id in the tables."""
    return hashlib.sha256(user.encode()).hexdigest()


def without_erased(erased: DataFrame, day: Column | None = None) -> Transform:
    """Leaves out rows of the users in [ops.erased_users], up to the day they were erased.

    day: of a row; None where rows have none, and all of the user are left out.
    """
    last = erased.groupBy(USER_HASH).agg(F.max(DS).alias("erased_ds"))

    def transform(rows: DataFrame) -> DataFrame:
        matches = F.sha2(USER, 256) == F.col(USER_HASH)
        if day is not None:
            # A row without a day is refused later: it is of no use to anyone.
            matches &= F.coalesce(day <= F.col("erased_ds"), F.lit(True))
        return rows.join(F.broadcast(last), matches, "left_anti")

    return transform
