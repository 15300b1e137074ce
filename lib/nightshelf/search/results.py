"""Candidates of queries -> ranked results: relevance, clicks, taste, rules, reasons."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, QUERY, RANK, REASON, RELEVANCE, SCORE, SEGMENT, Transform
from nightshelf.search.matching import MATCHED
from nightshelf.search.queries import ASKED, TERMS
from nightshelf.search.segments import EVERYONE, TASTE

CLICK = "click_through"


@dataclass(frozen=True)
class Weights:
    """Of what a score is made: relevance * click-through^clicks * taste^taste; k results."""

    k: int
    clicks: float
    taste: float


def first(n: int) -> Transform:
    """[query, item_id, share, …] -> the n of each query with the largest share."""
    order = Window.partitionBy(QUERY).orderBy(F.desc("share"), F.asc(ITEM))
    return lambda found: (
        found.withColumn(RANK, F.row_number().over(order)).where(F.col(RANK) <= n).drop(RANK)
    )


def with_relevance(judged: DataFrame | None, weight: float) -> Transform:
    """[query, item_id, share, …] -> the same with `relevance`, above 0 and at most 1.

    judged [query, item_id, relevance]: of each query's first candidates, as the text model judges
    them; it counts with the weight, from 0 to 1, and the share with what is left of it. The other
    candidates come behind these, in the order of their shares. None: by the share alone.
    """
    if judged is None:
        return lambda found: found.withColumn(RELEVANCE, F.col("share"))
    least = F.min(RELEVANCE).over(Window.partitionBy(QUERY))
    behind = F.col("share") * F.coalesce(least, F.lit(1.0))

    def transform(found: DataFrame) -> DataFrame:
        judgement = F.pow(F.greatest(F.col(RELEVANCE), F.lit(1e-6)), F.lit(weight))
        told = judged.select(QUERY, ITEM, judgement.alias(RELEVANCE))
        own = F.col(RELEVANCE) * F.pow("share", F.lit(1 - weight))  # null where not judged
        joined = found.join(told, [QUERY, ITEM], "left").withColumn(RELEVANCE, own)
        return joined.withColumn(RELEVANCE, F.coalesce(RELEVANCE, behind))

    return transform


def ranked(clicks: DataFrame, tastes: DataFrame | None, weights: Weights) -> Transform:
    """[query, item_id, relevance, matched] -> the same with segment, rank, score: k of each.

    clicks [item_id, click_through]; tastes [segment, item_id, taste], or None: results for everyone
    alone. One list for everyone, and one a segment.
    """

    def transform(found: DataFrame) -> DataFrame:
        click = F.pow(F.coalesce(CLICK, F.lit(1.0)), F.lit(weights.clicks))
        base = found.join(clicks, ITEM, "left").withColumn(SCORE, F.col(RELEVANCE) * click)
        lists = base.withColumn(SEGMENT, F.lit(EVERYONE))
        if tastes is not None:
            own = F.pow(TASTE, F.lit(weights.taste))
            of_segments = base.join(tastes, ITEM, "inner").withColumn(SCORE, F.col(SCORE) * own)
            lists = lists.unionByName(of_segments.drop(TASTE))
        order = Window.partitionBy(QUERY, SEGMENT).orderBy(F.desc(SCORE), F.asc(ITEM))
        return lists.withColumn(RANK, F.row_number().over(order)).where(F.col(RANK) <= weights.k)

    return transform


def with_reasons(queries: DataFrame) -> Transform:
    """[query, item_id, matched, …] -> the same with `reason`: a short sentence.

    queries [asked, terms], one row each.
    """

    def transform(lists: DataFrame) -> DataFrame:
        told = queries.select(F.col(ASKED).alias(QUERY), F.size(TERMS).alias("wanted"))
        return lists.join(told, QUERY, "inner").withColumn(REASON, _sentence()).drop("wanted")

    return transform


def _sentence() -> Column:
    some = F.format_string("Has %d of %d words of your search", MATCHED, "wanted")
    return (
        F.when(F.col(MATCHED) >= F.col("wanted"), F.lit("Has all words of your search"))
        .when(F.col(MATCHED) > 0, some)
        .otherwise(F.lit("Close in meaning to your search"))
    )
