"""gold.samples and the features of the day before -> the encoded rows of a training set."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import (
    CATEGORIES,
    DS,
    ITEM,
    POSITION,
    RECENT,
    TEXT,
    USER,
    VECTORS,
    WEIGHT,
    Transform,
)
from nightshelf.features.cross import NO_TEXTS, Near, Pairs
from nightshelf.features.dealing import GROUP, PLACE, Deal, in_groups
from nightshelf.features.declared import Field
from nightshelf.features.encoding import Encoding
from nightshelf.features.moments import MOMENTS, measured, summed
from nightshelf.features.pairs import combined, position_ids, user_numbers
from nightshelf.features.sides import Side, encoded_items, encoded_users, packed, unknown, unpacked
from nightshelf.fields import USER_COLUMN, WEIGHT_COLUMN, Inputs, Rows, Vector
from nightshelf.sending import send
from nightshelf.tables.hashing import string_hashes

Batches = Iterable[pa.RecordBatch]

TRAIN_ROWS: Final = "train_rows"
"""Column: for how many rows of the training days a row of features is taken."""

_USER_SIDE, _ITEM_SIDE, _ROW = "user_side", "item_side", "row"


def asked(samples: DataFrame, key: str) -> DataFrame:
    """The features that samples take: [key, ds, train_rows], one row a (key, ds).

    ds is the day before the samples' day, up to which features may know.
    """
    is_train = F.when(F.col("split") == "train", 1).otherwise(0)
    return samples.groupBy(key, F.date_sub(DS, 1).alias(DS)).agg(F.sum(is_train).alias(TRAIN_ROWS))


def features(wanted: DataFrame, key: str, made: Transform) -> DataFrame:
    """[key, ds, train_rows] -> the rows of features that there are, with their train_rows.

    made: [key, ds] -> rows of gold.user_features or gold.item_features, each pair at most once.
    """
    return wanted.select(key, DS).transform(made).join(wanted, [key, DS], "inner")


def value_counts(rows: DataFrame, fields: Sequence[Field]) -> DataFrame:
    """Features of one side -> [field, value, count]: of how many training rows each value is."""
    columns = {field.name: field.column for field in fields if field.kind == "categorical"}
    named = F.coalesce(*(F.when(F.col("key") == n, c) for n, c in columns.items()), F.lit(None))
    return (
        rows.where(F.col(TRAIN_ROWS) > 0)
        .select(F.explode(CATEGORIES), TRAIN_ROWS)
        .withColumn("field", named.cast("string"))
        .where(F.col("field").isNotNull())
        .groupBy("field", "value")
        .agg(F.sum(TRAIN_ROWS).alias("count"))
    )


def told_vectors(items: DataFrame, fields: Sequence[Field]) -> list[Vector]:
    """The declared vectors that training rows have, in the fields' order, at once.

    A vector's key is its field's name, or that and, behind a colon, which model made it.
    """
    declared = [field for field in fields if field.kind == "vector"]
    if not declared:
        return []
    sizes = (
        items.where(F.col(TRAIN_ROWS) > 0)
        .select(F.explode(VECTORS).alias("key", "vector"))
        .groupBy("key")
        .agg(F.max(F.size("vector")).alias("width"))
        .where(F.col("width") > 0)
    )
    found = {row["key"]: row["width"] for row in sizes.orderBy("key").collect()}
    named = {key.partition(":")[0]: key for key in found}
    return [
        Vector(field.column, found[named[field.name]], named[field.name])
        for field in declared
        if field.name in named
    ]


def has_history(users: DataFrame) -> bool:
    """Whether a training row has a recent item, at once."""
    return not users.where((F.col(TRAIN_ROWS) > 0) & (F.size(RECENT) > 0)).isEmpty()


def encoded_rows(
    samples: DataFrame, users: DataFrame, items: DataFrame, near: Near, encoding: Encoding
) -> DataFrame:
    """[split, row_group, place, row]: each sample encoded, its numbers levelled but not yet scaled.

    samples: as `dealt`; users, items: `features`. A sample without a row of features has an
    unknown one. `row` is one value of `row_type`.
    """
    context = samples.sparkSession.sparkContext
    sent = send(context, encoding)
    if not encoding.reads(TEXT):
        near = replace(near, texts=NO_TEXTS)  # nor would lists have them
    joined = (
        samples.withColumn("as_of", F.date_sub(DS, 1))
        .join(_sides(users, USER, sent, _USER_SIDE), [USER, "as_of"], "left")
        .join(_sides(items, ITEM, sent, _ITEM_SIDE), [ITEM, "as_of"], "left")
        .select(
            "split", GROUP, PLACE, USER, ITEM, POSITION, WEIGHT,
            F.array(*(F.col("labels")[task] for task in encoding.inputs.tasks)).alias("labels"),
            _USER_SIDE, _ITEM_SIDE,
        )
    )  # fmt: skip
    return joined.mapInArrow(
        _Rows(sent, send(context, near)),
        f"split string, {GROUP} int, {PLACE} bigint, {_ROW} binary",
    )


def with_moments(rows: DataFrame, encoding: Encoding) -> Encoding:
    """The encoding with the means and deviations of the training rows, at once."""
    kind = row_type(encoding.inputs)

    def task(batches: Batches) -> Batches:
        return summed(unpacked(batch.column(_ROW), kind)["numbers"] for batch in batches)

    told = rows.where(F.col("split") == "train").select(_ROW).mapInArrow(task, MOMENTS).collect()
    columns = [field.column for field in encoding.columns("numeric")]
    return encoding.with_numbers(measured((row[0] for row in told), columns))


def row_groups(rows: DataFrame, deal: Deal, made: Encoding, encoding: Encoding) -> DataFrame:
    """The columns of `encoding.inputs` for a split: partition n holds group n's rows, in order.

    made: that of `encoded_rows`; encoding: the same with moments, which may lack some numbers.
    """
    kept = {field.column for field in encoding.columns("numeric")}
    places = [n for n, field in enumerate(made.columns("numeric")) if field.column in kept]
    task = _Columns(row_type(made.inputs), tuple(places), replace(encoding, vocabularies={}))
    dealt = in_groups(rows, deal).select(_ROW)
    return dealt.mapInArrow(task, training_schema(encoding.inputs))


def training_schema(inputs: Inputs) -> str:
    """The columns of a training set, in order, as DDL."""
    kinds = {
        "int": (*inputs.categorical_columns, *inputs.history_columns),
        "bigint": (USER_COLUMN,),
    }
    named = {name: kind for kind, names in kinds.items() for name in names}
    return ", ".join(f"`{name}` {named.get(name, 'float')}" for name in training_columns(inputs))


def training_columns(inputs: Inputs) -> tuple[str, ...]:
    """The names of the columns of a training set, in order."""
    return (
        *inputs.categorical_columns,
        *inputs.numeric_columns,
        *inputs.history_columns,
        *inputs.vector_columns,
        *inputs.label_columns,
        WEIGHT_COLUMN,
        USER_COLUMN,
    )


def row_type(inputs: Inputs) -> "np.dtype[Any]":
    """A row as numpy keeps it; its parts are those of `fields.Rows`."""
    return np.dtype(
        [
            ("ids", "<i4", (len(inputs.categorical_columns),)),
            ("numbers", "<f4", (len(inputs.numeric_columns),)),
            ("history", "<i4", (len(inputs.history_columns),)),
            ("vectors", "<f4", (len(inputs.vector_columns),)),
            ("labels", "<f4", (len(inputs.label_columns),)),
            ("weights", "<f4"),
            ("users", "<i8"),
        ]
    )


def _sides(rows: DataFrame, key: str, encoding: Broadcast[Encoding], name: str) -> DataFrame:
    """[key, as_of, name]: the encoded side."""
    encode = encoded_users if key == USER else encoded_items

    def task(batches: Batches) -> Batches:
        for batch in batches:
            side = packed(encode(encoding.value, batch))
            yield pa.RecordBatch.from_arrays(
                [batch.column(key), batch.column(DS), side], [key, "as_of", name]
            )

    return rows.drop(TRAIN_ROWS).mapInArrow(task, f"{key} string, as_of date, {name} binary")


@dataclass(frozen=True)
class _Rows:
    """Joined samples -> encoded rows."""

    encoding: Broadcast[Encoding]
    near: Broadcast[Near]

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        encoding = self.encoding.value
        kind = row_type(encoding.inputs)
        for batch in batches:
            rows = self._rows(encoding, batch)
            made = np.zeros(len(rows), kind)
            for name in kind.names or ():
                made[name] = getattr(rows, name)
            told = [batch.column(name) for name in ("split", GROUP, PLACE)]
            yield pa.RecordBatch.from_arrays([*told, packed(made)], ["split", GROUP, PLACE, _ROW])

    def _rows(self, encoding: Encoding, batch: pa.RecordBatch) -> Rows:
        each = np.arange(len(batch))

        def side(name: str, kind: "np.dtype[Any]") -> Side:
            return unpacked(batch.column(name), kind, unknown(kind))

        pairs = Pairs(
            side(_USER_SIDE, encoding.user_row), each,
            side(_ITEM_SIDE, encoding.item_row), each,
            string_hashes(batch.column(ITEM)),
        )  # fmt: skip
        positions = position_ids(batch.column(POSITION))
        rows = combined(encoding, pairs, self.near.value, positions).whole()
        labels = batch.column("labels").flatten().to_numpy()
        return replace(
            rows,
            labels=labels.reshape(len(batch), -1).astype(np.float32),
            weights=batch.column(WEIGHT).to_numpy().astype(np.float32),
            users=user_numbers(batch.column(USER)),
        )


@dataclass(frozen=True)
class _Columns:
    """Encoded rows -> the columns of a training set."""

    kind: "np.dtype[Any]"
    places: tuple[int, ...]
    encoding: Encoding

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = unpacked(batch.column(_ROW), self.kind)
            numbers = self.encoding.scaled(rows["numbers"][:, self.places])
            blocks = [rows["ids"], numbers, *(rows[n] for n in ("history", "vectors", "labels"))]
            columns = [np.ascontiguousarray(column) for block in blocks for column in block.T]
            columns += [np.ascontiguousarray(rows[name]) for name in ("weights", "users")]
            yield pa.RecordBatch.from_arrays(
                [pa.array(column) for column in columns], training_columns(self.encoding.inputs)
            )
