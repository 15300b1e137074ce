"""Candidates of a query: the items that share its words, and those that mean about the same."""

from typing import Final

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, QUERY, RANK, SCORE, USER, VECTOR, Transform
from nightshelf.exact import exact_sum
from nightshelf.retrieval.exact import nearest_items
from nightshelf.search.index import IMPACT, TERM
from nightshelf.search.queries import TERMS

MATCHED: Final = "matched"
FUSION: Final = 60.0
"""Added to ranks before they are turned over, so that the first few do not count for everything."""


def by_terms(index: DataFrame, sold: DataFrame, n: int) -> Transform:
    """[query, terms] -> [query, item_id, rank, matched]: the n best by BM25.

    index: gold.search_index of the day; sold [item_id]: what may be found. matched: how many of the
    query's terms the item has. Ties go to the smaller id.
    """

    def transform(queries: DataFrame) -> DataFrame:
        asked = queries.select(QUERY, F.explode(TERMS).alias(TERM))
        found = (
            index.join(F.broadcast(asked), TERM, "inner")
            .join(sold, ITEM, "left_semi")
            .groupBy(QUERY, ITEM)
            .agg(exact_sum(F.col(IMPACT)).alias(SCORE), F.count("*").alias(MATCHED))
        )
        order = Window.partitionBy(QUERY).orderBy(F.desc(SCORE), F.asc(ITEM))
        return (
            found.withColumn(RANK, F.row_number().over(order))
            .where(F.col(RANK) <= n)
            .select(QUERY, ITEM, RANK, MATCHED)
        )

    return transform


def by_meaning(items: DataFrame, n: int) -> Transform:
    """[query, vector] -> [query, item_id, rank]: the n items with the nearest vectors.

    items [item_id, vector]: those that may be found.
    """

    def transform(queries: DataFrame) -> DataFrame:
        asking = queries.select(F.col(QUERY).alias(USER), VECTOR)
        found = asking.transform(nearest_items(items, n=n))
        return found.select(F.col(USER).alias(QUERY), ITEM, RANK)

    return transform


def fused(words: DataFrame, meaning: DataFrame | None) -> DataFrame:
    """[query, item_id, rank, matched], [query, item_id, rank] -> [query, item_id, share, matched].

    share: the sum of 1 / (60 + rank) over both lists, as a share of the query's best: reciprocal
    rank fusion (Cormack, Clarke and Buettcher 2009).
    """
    lists = words
    if meaning is not None:
        lists = words.unionByName(meaning.withColumn(MATCHED, F.lit(0).cast("bigint")))
    best = F.max("sum").over(Window.partitionBy(QUERY))
    return (
        lists.groupBy(QUERY, ITEM)
        .agg(
            exact_sum(1.0 / (F.lit(FUSION) + F.col(RANK)), bits=40).alias("sum"),
            F.max(MATCHED).alias(MATCHED),
        )
        .select(QUERY, ITEM, (F.col("sum") / best).alias("share"), MATCHED)
    )
