"""How far the features, labels and events of a day are from those of an earlier one."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from nightshelf.columns import (
    CATEGORIES,
    DS,
    EVENT_TYPE,
    EVENT_TYPES,
    NUMBERS,
    WEIGHT,
    Transform,
)
from nightshelf.evaluation.drift import BINS, divergence, psi

ROWS: Final = pa.schema(
    {
        "subject": pa.string(),
        "name": pa.string(),
        "measure": pa.string(),
        "value": pa.float64(),
        "before": pa.int64(),
        "now": pa.int64(),
        "values": pa.list_(pa.string()),
    }
)
PSI, DIVERGENCE, UNSEEN, CHANGE = "psi", "divergence", "unseen", "change"
NO_VALUES: Final = "CAST(NULL AS ARRAY<STRING>) AS values"
EXAMPLES: Final = 3
Measure = Callable[[pa.Array, pa.Array, int, int], float]


def features_moved(subject: str, key: str, before: DataFrame, keys: int) -> Transform:
    """[gold.user_features or gold.item_features] of a day, `before` of another -> [ROWS].

    A row a feature and measure, by about so many keys of each day. Numbers: PSI over the deciles
    that they had before, and those that have none; categories: the divergence of Jensen and Shannon
    of the shares of their values, and the share of keys whose value no key at all had before, with
    the most frequent of these values. before, now: how many keys of each day were looked at.
    """

    def transform(now: DataFrame) -> DataFrame:
        both = _some(before, key, keys, is_now=False).unionByName(
            _some(now, key, keys, is_now=True)
        )
        counted = both.select(
            "*",
            F.count_if(~F.col("is_now")).over(Window.partitionBy()).alias("before"),
            F.count_if("is_now").over(Window.partitionBy()).alias("now"),
        )
        moved = _moved(subject, counted, NUMBERS, PSI, _psi).unionByName(
            _moved(subject, counted, CATEGORIES, DIVERGENCE, _divergence)
        )
        # That keys are new is told by the divergence of their names.
        return moved.unionByName(_unseen(subject, counted.where("is_now"), before, key))

    return transform


def values_told(row: Row) -> str:
    """The values that a row of gold.drift names, in words; nothing where it names none."""
    return f": {', '.join(row['values'])}" if row["values"] else ""


def _some(frame: DataFrame, key: str, keys: int, is_now: bool) -> DataFrame:
    """The rows of the first keys in the order of their hashes."""
    return (
        frame.orderBy(F.xxhash64(key), key)
        .limit(keys)
        .select(NUMBERS, CATEGORIES, F.lit(is_now).alias("is_now"))
    )


def _unseen(subject: str, now: DataFrame, before: DataFrame, key: str) -> DataFrame:
    """[before, now, categories] of some keys, [categories] of all keys of the day before."""
    value = F.explode(CATEGORIES).alias("name", "told")
    known = before.select(value).distinct().withColumn("is_known", F.lit(True))
    often = (
        now.select("before", "now", value)
        .where(F.col("name") != key)
        .groupBy("name", "told", "before", "now")
        .count()
        .join(known, ["name", "told"], "left")
        .withColumn("unseen", F.when(F.col("is_known").isNull(), F.col("count")))
    )
    examples = F.array_sort(
        F.collect_list(F.when(F.col("unseen").isNotNull(), F.struct(-F.col("unseen"), "told")))
    )
    return often.groupBy("name", "before", "now").agg(
        F.lit(subject).alias("subject"),
        F.lit(UNSEEN).alias("measure"),
        (F.coalesce(F.sum("unseen"), F.lit(0)) / F.max("now")).alias("value"),
        F.transform(F.slice(examples, 1, EXAMPLES), lambda told: told["told"]).alias("values"),
    )


def _moved(subject: str, counted: DataFrame, column: str, measure: str, of: Measure) -> DataFrame:
    def task(rows: pa.Table) -> pa.Table:
        name = rows.column("key")[0].as_py()
        before, now = rows.column("before")[0].as_py(), rows.column("now")[0].as_py()
        is_now, values = rows.column("is_now"), rows.column("value")
        then, since = (values.filter(side).combine_chunks() for side in (pc.invert(is_now), is_now))
        row = (subject, name, measure, of(then, since, before, now), before, now, None)
        return pa.Table.from_pylist([dict(zip(ROWS.names, row, strict=True))], schema=ROWS)

    entries = counted.select("is_now", "before", "now", F.explode(column))
    return entries.groupBy("key").applyInArrow(task, from_arrow_schema(ROWS))


def _psi(before: pa.Array, now: pa.Array, keys_before: int, keys_now: int) -> float:
    then, since = (np.asarray(v.to_numpy(zero_copy_only=False), np.float64) for v in (before, now))
    edges = np.unique(np.quantile(then, np.arange(1, BINS) / BINS)) if len(then) else np.empty(0)
    counts = [
        np.append(np.bincount(np.searchsorted(edges, v), minlength=len(edges) + 1), keys - len(v))
        for v, keys in ((then, keys_before), (since, keys_now))
    ]
    return psi(counts[0], counts[1])


def _divergence(before: pa.Array, now: pa.Array, keys_before: int, keys_now: int) -> float:
    values = pa.chunked_array([before, now]).combine_chunks().dictionary_encode()
    codes = values.indices.to_numpy()
    then, since = np.split(codes, [len(before)])
    size = len(values.dictionary)
    counts = [
        np.append(np.bincount(some, minlength=size), keys - len(some))
        for some, keys in ((then, keys_before), (since, keys_now))
    ]
    return divergence(counts[0], counts[1])


def events_moved(ds: date, days: int) -> Transform:
    """[silver.events] -> [ROWS]: of each type, |events of ds / median of the days before - 1|.

    Of the days from `days` before ds that have any events. before: their median, rounded.
    """

    def transform(events: DataFrame) -> DataFrame:
        some = events.where(F.col(DS).between(F.lit(ds - timedelta(days=days)), F.lit(ds)))
        by_day = some.groupBy(DS).pivot(EVENT_TYPE, list(EVENT_TYPES)).count().fillna(0)
        told = F.array(
            *(F.struct(F.lit(name).alias("name"), F.col(name).alias("n")) for name in EVENT_TYPES)
        )
        usual = F.percentile(F.when(F.col(DS) < F.lit(ds), F.col("told.n")), 0.5)
        of_ds = F.sum(F.when(F.col(DS) == F.lit(ds), F.col("told.n")))
        return (
            by_day.select(DS, F.explode(told).alias("told"))
            .groupBy("told.name")
            .agg(usual.alias("usual"), F.coalesce(of_ds, F.lit(0)).alias("now"))
            .where("usual > 0")
            .select(
                F.lit("events").alias("subject"),
                "name",
                F.lit(CHANGE).alias("measure"),
                F.abs(F.col("now") / F.col("usual") - 1).alias("value"),
                F.round("usual").cast("bigint").alias("before"),
                "now",
                F.expr(NO_VALUES),
            )
        )

    return transform


def labels_moved(ds: date, days: int) -> Transform:
    """[gold.samples] -> [ROWS]: of each label, |rate of ds / the rate of the days before - 1|.

    Of samples of impressions alone: where negatives are drawn, their number is ours; each counts as
    many as it stands for. before, now: samples. Nothing where one of both times has none, or the
    days before have no positive.
    """

    def transform(samples: DataFrame) -> DataFrame:
        since = F.lit(ds - timedelta(days=days))
        is_now = F.col(DS) == F.lit(ds)
        some = samples.where(
            (F.col("origin") == "impression") & F.col(DS).between(since, F.lit(ds))
        )
        each = some.select(
            is_now.alias("is_now"), WEIGHT, F.explode("labels").alias("name", "label")
        )

        def rate(of: Column) -> Column:
            weight = F.when(of, F.col(WEIGHT))
            return F.sum(weight * F.col("label")) / F.sum(weight)

        return (
            each.groupBy("name")
            .agg(
                rate(F.col("is_now")).alias("rate_now"),
                rate(~F.col("is_now")).alias("rate_then"),
                F.count_if(~F.col("is_now")).alias("before"),
                F.count_if("is_now").alias("now"),
            )
            .where("rate_now IS NOT NULL AND rate_then > 0")
            .select(
                F.lit("labels").alias("subject"),
                "name",
                F.lit(CHANGE).alias("measure"),
                F.abs(F.col("rate_now") / F.col("rate_then") - 1).alias("value"),
                "before",
                "now",
                F.expr(NO_VALUES),
            )
        )

    return transform
