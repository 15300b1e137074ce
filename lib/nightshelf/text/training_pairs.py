"""Queries and texts -> the columns of a training set of pairs, in Spark."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, QUERY, TEXT, Transform
from nightshelf.text.batches import Tokenizer
from nightshelf.text.pairs import DRAWN, GROUP, LABEL, WEIGHT, columns

Batches = Iterable[pa.RecordBatch]
SCHEMA = (
    "ids array<int>, types array<int>, lengths array<int>, label float, weight float, "
    "group bigint, drawn bigint"
)


def splits(most: int) -> Transform:
    """[query, item_id, …, weight] -> the same with split, sample_id: the `most` of largest weight.

    All pairs of a query are in one split: of ten queries, by their hash, one is for valid and one
    for test. A split's pairs follow from the query alone, whatever else is in the log.
    """

    def transform(pairs: DataFrame) -> DataFrame:
        tenth = F.pmod(F.xxhash64(F.lit("split"), QUERY), F.lit(10))
        kept = pairs.orderBy(F.desc(WEIGHT), QUERY, ITEM).limit(most)
        return kept.withColumns(
            {
                "split": F.when(tenth == 0, "test").when(tenth == 1, "valid").otherwise("train"),
                "sample_id": F.xxhash64(QUERY, ITEM),
            }
        )

    return transform


def tokenised(folder: Path, kind: Literal["cross", "bi"], max_tokens: int) -> Transform:
    """[query, item_id, text, label, weight] -> the columns of a training set, in their order.

    cross: one text a row, the query and then the item's; bi: two.
    """

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        tokenizer = Tokenizer(folder, max_tokens)
        for batch in batches:
            queries, texts = (batch.column(name).to_pylist() for name in (QUERY, TEXT))
            told = (
                [tokenizer.pairs(queries, texts)]
                if kind == "cross"
                else [tokenizer(queries), tokenizer(texts)]
            )
            made = columns(told, max_tokens, tokenizer.padding)
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
