"""Queries and texts -> the columns of a training set of pairs, in Spark."""

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Literal

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, QUERY, TEXT, Transform
from nightshelf.text.batches import Tokenizer
from nightshelf.text.pairs import DRAWN, GROUP, LABEL, WEIGHT, columns
from nightshelf.text.weights import at_hand

Batches = Iterable[pa.RecordBatch]
SCHEMA = (
    "ids array<int>, types array<int>, lengths array<int>, label float, weight float, "
    "group bigint, drawn bigint"
)


def splits(most: int) -> Transform:
    """[query, item_id, …, weight] -> the same with split, sample_id: those of largest weight.

    `most` to learn from and half as many for valid and for test. All pairs of a query are in one
    split: of ten queries, by their hash, one is for valid and one for test. A split's pairs follow
    from the query alone, whatever else is in the log.
    """
    limits = {"train": most, "valid": -(-most // 2), "test": -(-most // 2)}

    def transform(pairs: DataFrame) -> DataFrame:
        tenth = F.pmod(F.xxhash64(F.lit("split"), QUERY), F.lit(10))
        told = pairs.withColumns(
            {
                "split": F.when(tenth == 0, "test").when(tenth == 1, "valid").otherwise("train"),
                "sample_id": F.xxhash64(QUERY, ITEM),
            }
        ).orderBy(F.desc(WEIGHT), QUERY, ITEM)
        kept = (told.where(F.col("split") == name).limit(n) for name, n in limits.items())
        return reduce(DataFrame.unionByName, kept)

    return transform


def with_negatives(items: DataFrame, shown: DataFrame, each: int) -> Transform:
    """[query, item_id, text, label, weight, split, sample_id] -> the same and further train rows.

    items [item_id, text]; shown [query, item_id, …]: also the pairs that are not learnt from. For
    each train row `each` items of the catalogue that were not shown for its query, by a hash, with
    label 0 and weight 1: what a shop shows for a query is of about the kind asked for, and what is
    far from it would never be seen.
    """

    def transform(pairs: DataFrame) -> DataFrame:
        numbered = items.withColumn(
            "place", F.row_number().over(Window.orderBy(ITEM)) - F.lit(1)
        ).select("place", ITEM, TEXT)
        many = F.max("place").over(Window.partitionBy()) + 1
        drawn = (
            pairs.where("split = 'train'")
            .select(QUERY, "sample_id", F.explode(F.sequence(F.lit(1), F.lit(each))).alias("n"))
            .crossJoin(F.broadcast(numbered.select(many.alias("many")).limit(1)))
            .withColumn("place", F.pmod(F.xxhash64("sample_id", "n"), "many").cast("int"))
            .join(numbered, "place", "inner")
            .join(shown.select(QUERY, ITEM), [QUERY, ITEM], "left_anti")
            .dropDuplicates([QUERY, ITEM])
        )
        return pairs.unionByName(
            drawn.select(
                QUERY,
                ITEM,
                TEXT,
                F.lit(0.0).alias(LABEL),
                F.lit(1.0).alias(WEIGHT),
                F.lit("train").alias("split"),
                F.xxhash64(QUERY, ITEM).alias("sample_id"),
            )
        )

    return transform if each else lambda pairs: pairs


def tokenised(weights: str, kind: Literal["cross", "bi"], max_tokens: int) -> Transform:
    """[query, item_id, text, label, weight] -> the columns of a training set, in their order.

    weights: as `at_hand` takes them. cross: one text a row, the query and then the item's; bi: two.
    """

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        with at_hand(weights) as folder:
            tokenizer = Tokenizer(folder, max_tokens)
        for batch in batches:
            queries, texts = (batch.column(name).to_pylist() for name in (QUERY, TEXT))
            told = (
                [tokenizer.pairs(queries, texts)]
                if kind == "cross"
                else [tokenizer(queries), tokenizer(texts)]
            )
            made = columns(told, tokenizer.max_tokens, tokenizer.padding)
            rest = {name: batch.column(name) for name in (LABEL, WEIGHT, GROUP, DRAWN)}
            yield pa.RecordBatch.from_pydict({**made, **rest})

    def transform(pairs: DataFrame) -> DataFrame:
        return pairs.select(
            QUERY,
            TEXT,
            F.col(LABEL).cast("float"),
            F.col(WEIGHT).cast("float"),
            F.xxhash64(QUERY).alias(GROUP),
            F.xxhash64(ITEM).alias(DRAWN),
        ).mapInArrow(task, SCHEMA)

    return transform
