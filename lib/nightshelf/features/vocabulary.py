"""Ids of values: gold.vocabularies, which only ever grows, and the looking up of it.

0 is no value, 1 to `buckets` are shared by values without an id of their own, by a hash.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.fields import UNKNOWN, Ints
from nightshelf.tables.hashing import string_hashes

Hashes = NDArray[np.uint64]


def grown(
    known: DataFrame, values: DataFrame, *, min_count: int, buckets: int, ds: date
) -> DataFrame:
    """gold.vocabularies with the values of the training days added; no known id changes.

    values [field, value, count], each (field, value) once. One with `min_count` rows or more gets
    the next id of its field, after the buckets: the most frequent first, then by value. `since` is
    the earliest ds of which it had so many.
    """
    common = values.where(F.col("count") >= min_count)
    here = common.select("field", "value", F.lit(ds).alias("here"))
    kept = known.join(here, ["field", "value"], "left").select(
        "field", "value", "id", F.least("since", "here").alias("since")
    )
    last = known.groupBy("field").agg(F.max("id").alias("last"))
    order = Window.partitionBy("field").orderBy(F.desc("count"), F.asc("value"))
    added = (
        common.join(known, ["field", "value"], "left_anti")
        .join(F.broadcast(last), "field", "left")
        .select(
            "field",
            "value",
            (F.coalesce("last", F.lit(buckets)) + F.row_number().over(order)).alias("id"),
            F.lit(ds).alias("since"),
        )
    )
    return kept.unionByName(added)


def shares(values: DataFrame, vocabularies: DataFrame, rows: int) -> DataFrame:
    """[field, unknown, hashed]: which share of `rows` training rows has no value, and no own id.

    values [field, value, count]: of those rows.
    """
    told = values.join(vocabularies.select("field", "value", "id"), ["field", "value"], "left")
    share = F.sum("count") / rows
    return told.groupBy("field").agg(
        (1 - share).alias("unknown"),
        (F.coalesce(F.sum(F.when(F.col("id").isNull(), F.col("count"))), F.lit(0)) / rows).alias(
            "hashed"
        ),
    )


@dataclass(frozen=True)
class Vocabulary:
    """The values (V,) of a field, in order, and their ids (V,)."""

    values: pa.Array
    ids: Ints

    @staticmethod
    def of(rows: pa.Table) -> "Vocabulary":
        """From rows [value, id] in any order."""
        ordered = rows.select(["value", "id"]).sort_by("value")
        values = pa.concat_arrays([*ordered["value"].chunks, pa.array([], pa.string())])
        return Vocabulary(values, ordered["id"].to_numpy().astype(np.int32))

    @property
    def least(self) -> int | None:
        """The smallest id; None of an empty vocabulary."""
        return int(self.ids.min()) if len(self.ids) else None

    @property
    def most(self) -> int:
        """The largest id; 0 of an empty vocabulary."""
        return int(self.ids.max(initial=0))

    @cached_property
    def _by_hash(self) -> tuple[Hashes, Ints]:
        hashes = string_hashes(self.values)
        order = np.argsort(hashes, kind="stable")
        return hashes[order], self.ids[order]

    def encoded(self, strings: pa.Array, buckets: int) -> Ints:
        """(N,): the id of each string; of null 0, of one that has no id that of its bucket."""
        hashes = string_hashes(pc.fill_null(strings, ""))
        found = (1 + (hashes ^ hashes >> np.uint64(32)) % np.uint64(buckets)).astype(np.int32)
        known, ids = self._by_hash
        if len(known):
            at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            found = np.where(known[at] == hashes, ids[at], found)
        found[strings.is_null().to_numpy(zero_copy_only=False)] = UNKNOWN
        return found


EMPTY: Final = Vocabulary(pa.array([], pa.string()), np.empty(0, np.int32))
"""That of a field whose values are all too rare for ids of their own."""
