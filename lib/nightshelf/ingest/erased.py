"""Users who were erased: what the sources still tell of them stays out."""

import hashlib
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, USER, Transform
from nightshelf.config import EventSource
from nightshelf.ingest.cleaning import REASON_CODE
from nightshelf.ingest.references import value

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


def told_of(digests: Sequence[str], sources: Sequence[EventSource]) -> Column:
    """Whether `raw`, a source row as JSON, tells of a user with one of the digests; never null.

    The id may stand in any of its columns, or be what a source's mapping makes of them. A row does
    not say which source it is of, so that each mapping is tried.
    """
    told = F.from_json("raw", "map<string,string>")

    def column(name: str) -> Column:
        return F.try_element_at(told, F.lit(name))

    mapped = [value(s.columns[USER], column) for s in sources if USER in s.columns]
    ids = F.concat(F.map_values(told), F.array(*mapped).cast("array<string>"))

    def is_user(one: Column) -> Column:
        return F.sha2(one, 256).isin(*digests) | F.sha2(F.trim(one), 256).isin(*digests)

    return F.coalesce(F.exists(ids, is_user), F.lit(False))


def told_unread() -> Column:
    """Whether a refused row that could not be read was kept with its text; never null.

    Whom it tells of cannot be said. No such text is kept any more.
    """
    return (F.col(REASON_CODE) == "malformed") & F.col("raw").isNotNull()
