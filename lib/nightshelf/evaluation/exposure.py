"""How lists share the shop's items out: which are shown at all, and how evenly."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, RANK, SEGMENT, SOURCE, Transform
from nightshelf.evaluation.intervals import SCHEMA
from nightshelf.evaluation.people import ALL

EXPOSURE: Final = ("coverage", "gini")

Longs = NDArray[np.int64]


def exposure(available: DataFrame, ks: Sequence[int]) -> Transform:
    """[lists] -> [metric, source, segment, value, low, high, n, why].

    coverage@k: the share of the available items that are on any list of length k. gini@k: how
    unevenly lists show the available items, Gini's coefficient: 0 where each is shown equally
    often, near 1 where one item is shown to all. `available` [item_id] holds each item once; n is
    their number. The list for everyone else counts as one.
    """

    def task(rows: pa.Table) -> pa.Table:
        counts = rows.column("shown").to_numpy()
        items = rows.column("items").to_numpy()
        k = rows.column("k")[0].as_py()
        n, total = int(items.sum()), float(counts @ items)
        covered = float(items[counts > 0].sum()) / n
        told = {f"coverage@{k}": covered, f"gini@{k}": _gini(counts, items) if total else None}
        why = [None, None if total else "no list shows an available item"]
        return pa.table(
            {
                "metric": list(told),
                SOURCE: [ALL] * 2,
                SEGMENT: [ALL] * 2,
                "value": pa.array(told.values(), pa.float64()),
                "low": pa.nulls(2, pa.float64()),
                "high": pa.nulls(2, pa.float64()),
                "n": [n] * 2,
                "why": pa.array(why, pa.string()),
            }
        )

    def transform(lists: DataFrame) -> DataFrame:
        shown = lists.groupBy(ITEM).agg(*(F.count_if(F.col(RANK) <= k).alias(str(k)) for k in ks))
        each = F.explode(F.array(*(_exposed(k) for k in ks))).alias("told")
        return (
            available.join(shown, ITEM, "left")
            .select(each)
            .select("told.*")
            .groupBy("k", "shown")
            .agg(F.count("*").alias("items"))
            .groupBy("k")
            .applyInArrow(task, SCHEMA)
        )

    return transform


def _exposed(k: int) -> Column:
    return F.struct(F.lit(k).alias("k"), F.coalesce(F.col(str(k)), F.lit(0)).alias("shown"))


def _gini(counts: Longs, items: Longs) -> float:
    """Of items of which so many (D,) were shown so often (D,), all counts distinct."""
    order = np.argsort(counts)
    often, some = counts[order].astype(np.float64), items[order].astype(np.float64)
    n, total = some.sum(), often @ some
    before = np.cumsum(some) - some
    places = some * before + some * (some + 1) / 2  # the sum of each group's places, from 1
    return float(2 * (places @ often) / (n * total) - (n + 1) / n)
