"""Metrics of ranked lists against what users did afterwards.

Binary relevance. For a user with R relevant items and a list of length k that holds h of them:
precision = h / k, recall = h / R, hit rate = 1 if h > 0, and nDCG (Järvelin & Kekäläinen 2002) =
sum over hits of 1 / log2(rank + 1), divided by the same sum for a list that starts with min(R, k)
hits. Users without a relevant item say nothing and are left out.
"""

from collections.abc import Iterator, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, NEW_USER, RANK, USER, Transform
from nightshelf.exact import exact_sum

METRICS = ("precision", "recall", "hit_rate", "ndcg")
Z_95 = 1.959963984540054


def user_metrics(relevant: DataFrame, ks: Sequence[int]) -> Transform:
    """[user_id, item_id, rank] lists -> one row a judged user: [user_id, segment, <metric>@<k> …].

    `relevant` [user_id, item_id] holds each pair once. A user without a list is judged by the list
    of `__new__` and is in the segment `new`, everyone else in `known`.
    """

    def transform(lists: DataFrame) -> DataFrame:
        known = lists.select(USER).distinct().withColumn("segment", F.lit("known"))
        for_new = lists.where(F.col(USER) == NEW_USER).select(ITEM, F.col(RANK).alias("new_rank"))
        judged = (
            relevant.join(known, USER, "left")
            .join(lists.select(USER, ITEM, RANK), [USER, ITEM], "left")
            .join(F.broadcast(for_new), ITEM, "left")
            .withColumn(
                "at", F.when(F.col("segment") == "known", F.col(RANK)).otherwise(F.col("new_rank"))
            )
            .groupBy(USER)
            .agg(
                F.coalesce(F.max("segment"), F.lit("new")).alias("segment"),
                F.count("*").alias("relevant"),
                F.array_sort(F.collect_list("at")).alias("hits"),
            )
        )
        return judged.select(USER, "segment", *_columns(ks))

    return transform


def _columns(ks: Sequence[int]) -> Iterator[Column]:
    for k in ks:
        hits = _up_to(k)
        found = F.size(hits)
        ideal = F.sequence(F.lit(1), F.least(F.col("relevant"), F.lit(k)).cast("int"))
        yield (found / k).alias(f"precision@{k}")
        yield (found / F.col("relevant")).alias(f"recall@{k}")
        yield F.when(found > 0, 1.0).otherwise(0.0).alias(f"hit_rate@{k}")
        yield (_gain(hits) / _gain(ideal)).alias(f"ndcg@{k}")


def _up_to(k: int) -> Column:
    return F.filter("hits", lambda at: at <= k)


def _gain(ranks: Column) -> Column:
    return F.aggregate(ranks, F.lit(0.0), lambda sum_, rank: sum_ + F.lit(1.0) / F.log2(rank + 1))


def averages(metrics: Sequence[str]) -> Transform:
    """[user metrics] -> [metric, segment, value, low, high, n]: means over users.

    `low` and `high` bound the mean at 95 % by the normal approximation over n users. The segment
    `all` holds every judged user.
    """

    def transform(users: DataFrame) -> DataFrame:
        named = F.explode(
            F.array(*(F.struct(F.lit(m).alias("metric"), F.col(m).alias("x")) for m in metrics))
        )
        rows = users.select("segment", named.alias("told")).select("segment", "told.*")
        both = rows.unionByName(rows.withColumn("segment", F.lit("all")))
        return (
            both.groupBy("metric", "segment")
            .agg(
                F.count("*").alias("n"),
                (exact_sum(F.col("x")) / F.count("*")).alias("value"),
                (exact_sum(F.col("x") * F.col("x")) / F.count("*")).alias("square"),
            )
            .withColumn("variance", F.greatest(F.col("square") - F.col("value") ** 2, F.lit(0.0)))
            .withColumn("margin", Z_95 * F.sqrt(F.col("variance") / F.col("n")))
            .select(
                "metric",
                "segment",
                "value",
                (F.col("value") - F.col("margin")).alias("low"),
                (F.col("value") + F.col("margin")).alias("high"),
                "n",
            )
        )

    return transform


def coverage(available: DataFrame, ks: Sequence[int]) -> Transform:
    """[lists] -> [metric, segment, value, low, high, n]: the share of available items on any list.

    `available` [item_id] holds each item that could have been shown once; n is their number.
    """

    def transform(lists: DataFrame) -> DataFrame:
        shown = lists.groupBy(ITEM).agg(F.min(RANK).alias("best"))
        joined = available.join(shown, ITEM, "left")
        counts = joined.agg(
            F.count("*").alias("n"), *(F.count_if(F.col("best") <= k).alias(str(k)) for k in ks)
        )
        told = F.array(
            *(
                F.struct(F.lit(f"coverage@{k}").alias("metric"), F.col(str(k)).alias("x"))
                for k in ks
            )
        )
        return counts.select("n", F.explode(told).alias("told")).select(
            "told.metric",
            F.lit("all").alias("segment"),
            (F.col("told.x") / F.col("n")).alias("value"),
            F.lit(None).cast("double").alias("low"),
            F.lit(None).cast("double").alias("high"),
            "n",
        )

    return transform
