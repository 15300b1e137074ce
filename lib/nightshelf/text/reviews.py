"""Reviews -> how pleased they are; those -> what is known of items day by day, in Spark."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import (
    ASPECTS,
    DS,
    ITEM,
    PRAISE,
    REVIEW,
    REVIEW_TS,
    REVIEWS,
    SENTIMENT,
    TEXT,
    Transform,
)
from nightshelf.exact import exact_sum
from nightshelf.text.documents import so_far
from nightshelf.text.sentiment import Opinions

Batches = Iterable[pa.RecordBatch]

PRAISING: Final = 0.8
"""From such a sentiment on a review praises."""
PRAISE_LETTERS: Final = 240
"""Letters of a review that an item's text has."""
_MAP: Final = pa.map_(pa.string(), pa.float64())


def scored(judge: Opinions) -> Transform:
    """[review_id, text] -> [review_id, sentiment, aspects map<string, double>]."""

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                sentiments, aspects = judge(batch.column(TEXT).to_pylist())
                maps = pa.array([list(told.items()) for told in aspects], _MAP)
                columns = [batch.column(REVIEW), pa.array(sentiments, pa.float64()), maps]
                yield pa.RecordBatch.from_arrays(columns, [REVIEW, SENTIMENT, ASPECTS])

    schema = f"{REVIEW} string, {SENTIMENT} double, {ASPECTS} map<string, double>"
    return lambda reviews: reviews.select(REVIEW, TEXT).mapInArrow(task, schema)


def opinions(aspects: Sequence[str], mean: float, prior: float) -> Transform:
    """[item_id, ds, sentiment, aspects] -> [item_id, ds, reviews, sentiment, aspect_<name> …].

    One row a day on which an item was reviewed: how many reviews it has had by then, and what they
    say on the mean, each mean beginning with `prior` reviews of the shop's `mean`. An aspect that
    no review has spoken of is null.
    """
    said = {SENTIMENT: F.col(SENTIMENT)}
    said |= {f"aspect_{name}": F.col(ASPECTS)[name] for name in aspects}
    until = so_far()

    def smoothed(name: str) -> Column:
        total, n = F.sum(f"{name}_sum").over(until), F.sum(f"{name}_n").over(until)
        return F.when(n > 0, (F.coalesce(total, F.lit(0.0)) + prior * mean) / (n + prior))

    def transform(reviews: DataFrame) -> DataFrame:
        sums = (exact_sum(told).alias(f"{name}_sum") for name, told in said.items())
        numbers = (F.count(told).alias(f"{name}_n") for name, told in said.items())
        daily = reviews.groupBy(ITEM, DS).agg(*sums, *numbers)
        n = F.sum(f"{SENTIMENT}_n").over(until).cast("double")
        means = (smoothed(name).alias(name) for name in said)
        return daily.select(ITEM, DS, n.alias(REVIEWS), *means)

    return transform


def praise(n: int) -> Transform:
    """[item_id, ds, review_ts, review_id, text, sentiment] -> [item_id, ds, praise].

    One row a day on which one of an item's `n` earliest praising reviews came: those by then, a
    line each, so that a text no longer changes once it has its `n`.
    """
    first = Window.partitionBy(ITEM).orderBy(REVIEW_TS, REVIEW)
    told = F.left(F.regexp_replace(TEXT, r"\s+", " "), F.lit(PRAISE_LETTERS))

    def transform(reviews: DataFrame) -> DataFrame:
        return (
            reviews.where(F.col(SENTIMENT) >= PRAISING)
            .select(ITEM, DS, told.alias(TEXT), F.row_number().over(first).alias("n"))
            .where(F.col("n") <= n)
            .withColumn(TEXT, F.collect_list(TEXT).over(Window.partitionBy(ITEM).orderBy("n")))
            .groupBy(ITEM, DS)
            .agg(F.concat_ws("\n", F.max_by(TEXT, "n")).alias(PRAISE))
        )

    return transform
