"""Vectors by id: the checks of a frame of them, and from Arrow to a matrix."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import VECTOR
from nightshelf.errors import DataQualityError
from nightshelf.retrieval.kernel import Singles, lengths

COPIES: Final = "copies"
LONGEST: Final = 2.0**63  # a product of two such vectors still is a single-precision number


def check_columns(name: str, frame: DataFrame, expected: dict[str, str]) -> None:
    """Raises DataQualityError where the frame lacks an expected column or has it in another type.

    `name`: what the message calls the frame. `expected`: column -> type, as Spark writes it simply.
    """
    found = {field.name: field.dataType.simpleString() for field in frame.schema}
    for column, kind in expected.items():
        if found.get(column) != kind:
            raise DataQualityError(
                f"{name}: expected the column '{column}' as {kind}, found "
                f"{found.get(column, 'no such column')}; select or cast it"
            )


def with_copies(name: str, frame: DataFrame, key: str) -> DataFrame:
    """[key string, vector array<float>, …] -> [key, vector, copies]: how many rows have the key.

    Raises DataQualityError for columns that are not so.
    """
    check_columns(name, frame, {key: "string", VECTOR: "array<float>"})
    return frame.select(key, VECTOR, F.count("*").over(Window.partitionBy(key)).alias(COPIES))


def matrix(name: str, key: str, batch: pa.RecordBatch, rank: int) -> Singles:
    """The vectors of a batch [key, vector, copies] of N rows as a matrix (N, rank).

    Raises DataQualityError for a key that is null or not unique, a vector that is null or of
    another rank, and for numbers that are null, NaN, infinite or too large to multiply.
    """
    ids, vectors = batch.column(key), batch.column(VECTOR)
    if ids.null_count:
        raise DataQualityError(
            f"{name}: expected a {key} in every row, found null; leave such rows out"
        )

    def refuse(bad: NDArray[np.bool_], expected: str, found: NDArray[Any]) -> None:
        if bad.any():
            at = int(bad.argmax())
            raise DataQualityError(
                f"{name}: {key} {ids[at].as_py()!r}: expected {expected}, found {found[at]}; make "
                "the vectors again with one model for users and items, or leave the row out"
            )

    copies = batch.column(COPIES).to_numpy()
    refuse(copies > 1, "one row", copies)
    ranks = pc.fill_null(pc.list_value_length(vectors), 0).to_numpy()
    refuse(ranks == 0, "a vector of at least one number", ranks)
    refuse(ranks != rank, f"{rank} numbers as in the first item's vector", ranks)
    # A copy: what Arrow lends is read-only, which numba would compile for once more.
    numbers = np.array(vectors.flatten().to_numpy(zero_copy_only=False), np.float32)
    made = numbers.reshape(len(ids), rank)
    size = lengths(made)
    refuse(~(size < LONGEST), "finite numbers and a length below 2**63", size)
    return made
