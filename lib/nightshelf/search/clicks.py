"""What was shown for queries and clicked, and what clicks say once positions are accounted for."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import (
    EVENT_TS,
    EVENT_TYPE,
    ITEM,
    POSITION,
    QUERY,
    SESSION,
    SOURCE_ROW,
    USER,
    Transform,
)
from nightshelf.exact import exact_sum
from nightshelf.search.queries import in_one_form

Floats = NDArray[np.float64]
LAST_POSITION: Final = 50
"""Positions from here on count as one."""
LEAST_LOOKS: Final = 1e-3
"""A position that nothing was learnt of is looked at so often."""
ROUNDS: Final = 100


def shown(link_seconds: int) -> Transform:
    """[silver.events] -> [query, item_id, position, shown, clicked]: counts of impressions.

    query: as it is looked up, so that all forms of a query are one. An impression answers the query
    that its row names, or the last one of its session at most `link_seconds` before it. It was
    clicked if the user's next click or impression of the item in the session is a click.
    """

    def transform(events: DataFrame) -> DataFrame:
        kinds = events.where(F.col(EVENT_TYPE).isin("search", "impression", "click"))
        session = Window.partitionBy(USER, SESSION).orderBy(EVENT_TS, _searches_first(), SOURCE_ROW)
        searched = F.when(F.col(EVENT_TYPE) == "search", F.struct(EVENT_TS, QUERY))
        last = F.last(searched, ignorenulls=True).over(session)
        # Of one time, an item is seen before it is clicked.
        is_click = F.col(EVENT_TYPE) == "click"
        item = Window.partitionBy(USER, SESSION, ITEM).orderBy(EVENT_TS, is_click, SOURCE_ROW)
        seconds = F.unix_micros(EVENT_TS) - F.unix_micros(F.col("last")[EVENT_TS])
        linked = F.when(seconds <= link_seconds * 1_000_000, F.col("last")[QUERY])
        return (
            kinds.withColumn("last", last)
            .where(F.col(EVENT_TYPE) != "search")
            .withColumn("next", F.lead(EVENT_TYPE).over(item))
            .where((F.col(EVENT_TYPE) == "impression") & (F.col(POSITION) >= 1))
            .withColumn(QUERY, F.coalesce(F.nullif(F.trim(QUERY), F.lit("")), linked))
            .where(F.col(QUERY).isNotNull())
            .groupBy(QUERY, ITEM, F.least(POSITION, F.lit(LAST_POSITION)).alias(POSITION))
            .agg(
                F.count("*").alias("shown"),
                F.count_if(F.coalesce(F.col("next") == "click", F.lit(False))).alias("clicked"),
            )
            .transform(in_one_form)
            .where(F.col(QUERY) != "")
            .groupBy(QUERY, ITEM, POSITION)
            .agg(F.sum("shown").alias("shown"), F.sum("clicked").alias("clicked"))
        )

    return transform


def _searches_first() -> Column:
    return F.when(F.col(EVENT_TYPE) == "search", 0).otherwise(1)


@dataclass(frozen=True)
class ClickModel:
    """A position-based model: P(click) = examination of the position * attraction of the pair.

    examination (P,): that of position n at n - 1, the first one's is 1. attraction (R,): of each
    (query, item), in the order of `pairs` (R,).
    """

    examination: Floats
    attraction: Floats
    pairs: pa.Table


def position_based(counts: pa.Table, *, prior: float = 1.0) -> ClickModel:
    """Learnt by expectation-maximisation (Chuklin et al. 2015, "Click Models for Web Search").

    counts [query, item_id, position, shown, clicked]. Attractions are drawn to the mean click rate
    as if each pair had been looked at `prior` times more.
    """
    shown_, clicked, place = (
        counts[n].to_numpy().astype(np.float64) for n in ("shown", "clicked", POSITION)
    )
    place = place.astype(np.int64) - 1
    coded = counts.append_column("row", pa.array(np.arange(counts.num_rows)))
    pairs = coded.group_by([QUERY, ITEM]).aggregate([("row", "list")])
    lists = pairs["row_list"].combine_chunks()
    pair = np.empty(counts.num_rows, np.int64)
    pair[lists.flatten().to_numpy()] = np.repeat(np.arange(len(lists)), lists.value_lengths())
    positions, base = int(place.max(initial=0)) + 1, clicked.sum() / max(shown_.sum(), 1.0)
    seen = np.bincount(pair, shown_, len(lists))
    at = np.maximum(np.bincount(place, shown_, positions), 1e-12)
    # Begins with the click rates: a position that is always looked at would stay so.
    examination = np.clip(np.bincount(place, clicked, positions) / at, 1e-3, 1.0)
    examination = examination / examination.max(initial=1e-3) * (1.0 - 1e-3)
    attraction = np.full(len(lists), min(base / examination.mean(), 0.5))
    for _ in range(ROUNDS):
        unclicked = 1.0 - examination[place] * attraction[pair]
        attracted = clicked + (shown_ - clicked) * attraction[pair] * (
            (1.0 - examination[place]) / np.maximum(unclicked, 1e-12)
        )
        looked = clicked + (shown_ - clicked) * examination[place] * (
            (1.0 - attraction[pair]) / np.maximum(unclicked, 1e-12)
        )
        sums = np.bincount(pair, attracted, len(lists))
        base = clicked.sum() / max(float((shown_ * examination[place]).sum()), 1e-12)
        attraction = np.minimum((sums + prior * base) / (seen + prior), 1.0)
        examination = np.bincount(place, looked, positions) / at
    # Only products are determined: the first position is the measure.
    scale = max(float(examination.max(initial=0.0)), 1e-12)
    return ClickModel(examination / scale, attraction * scale, pairs.select([QUERY, ITEM]))


def labels(counts: DataFrame, examination: Floats, prior: float) -> DataFrame:
    """[query, item_id, position, shown, clicked] -> [query, item_id, label, weight].

    weight: how often the pair was looked at, by its positions; label: clicks over these, drawn to
    the shop's rate as if it had been looked at `prior` times more; from 0 to 1. Positions beyond
    those of `examination` are looked at as the last one is, and each at least a little.
    """
    told = F.array(*map(F.lit, np.maximum(examination, LEAST_LOOKS).tolist()))
    looks = F.element_at(told, F.least(F.col(POSITION), F.lit(len(examination))))
    pairs = counts.groupBy(QUERY, ITEM).agg(
        F.sum("clicked").alias("clicked"), exact_sum(F.col("shown") * looks).alias("weight")
    )
    whole = pairs.agg((F.sum("clicked") / exact_sum(F.col("weight"))).alias("base"))
    rate = (F.col("clicked") + prior * F.col("base")) / (F.col("weight") + prior)
    return pairs.crossJoin(F.broadcast(whole)).select(
        QUERY, ITEM, F.least(rate, F.lit(1.0)).alias("label"), "weight"
    )
