"""Texts -> vectors, in Spark: sorted by length, the model loaded once a worker."""

import os
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, ITEM, TEXT, TEXT_HASH, VECTOR, Transform
from nightshelf.learning.loading import Loader, loaded
from nightshelf.text.basis import Basis
from nightshelf.text.model import Vectors

Batches = Iterable[pa.RecordBatch]


def encoded(load: Loader[Vectors]) -> Transform:
    """[text_hash, text] -> [text_hash, vector array<float>, cut BOOLEAN]."""

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:  # without texts nothing is loaded
                torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
                found = loaded(load)(batch.column(TEXT).to_pylist())
                yield pa.RecordBatch.from_arrays(
                    [batch.column(TEXT_HASH), lists(found.vectors), pa.array(found.cut)],
                    [TEXT_HASH, VECTOR, "cut"],
                )

    schema = f"{TEXT_HASH} string, {VECTOR} array<float>, cut boolean"
    return lambda texts: texts.select(TEXT_HASH, TEXT).mapInArrow(task, schema)


def telling(vectors: DataFrame) -> DataFrame:
    """[vector, …] -> the same rows, but those of length 0, which are as near to all as to none.

    LSA makes them of texts without any word that it knows.
    """
    return vectors.where(F.exists(VECTOR, lambda number: number != 0))


def of_items(vectors: DataFrame, basis: Basis) -> Transform:
    """[item_id, ds, text_hash, …] -> [item_id, ds, vector array<float>], reduced by the basis.

    vectors: gold.item_text of one model. Items whose text has no vector have no row.
    """

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            whole = batch.column(VECTOR)
            numbers = whole.flatten().to_numpy(zero_copy_only=False).reshape(len(whole), -1)
            small = basis(np.asarray(numbers, np.float32))
            columns = [batch.column(ITEM), batch.column(DS), lists(small)]
            yield pa.RecordBatch.from_arrays(columns, [ITEM, DS, VECTOR])

    def transform(texts: DataFrame) -> DataFrame:
        told = texts.select(ITEM, DS, TEXT_HASH).join(
            vectors.select(TEXT_HASH, VECTOR), TEXT_HASH, "inner"
        )
        schema = f"{ITEM} string, {DS} date, {VECTOR} array<float>"
        return told.select(ITEM, DS, VECTOR).mapInArrow(task, schema)

    return transform


def lists(rows: NDArray[np.float32]) -> pa.Array:
    """(N, D) numbers as N lists."""
    flat = pa.array(rows.reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1]).cast(pa.list_(pa.float32()))
