"""A shop of literal features, and its training set, for the tests of export and serving."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from nightshelf.columns import DS, ITEM, USER, Transform
from nightshelf.config.model import FieldConfig
from nightshelf.features.cross import NAMES, ItemTexts, Near, Neighbours
from nightshelf.features.dealing import Deal, dealt
from nightshelf.features.declared import declared
from nightshelf.features.encoding import Encoding, planned, vocabularies
from nightshelf.features.export import asked, encoded_rows, features, row_groups, with_moments
from nightshelf.fields import Vector
from nightshelf.jobs.training_set import write_split
from nightshelf.literals import frame_of
from nightshelf.tables import ITEM_FEATURES, SAMPLES, USER_FEATURES
from nightshelf.tables.files import Files
from tests.features.rows import day, item_row, user_row

BUCKETS = 4
FIELDS = tuple(
    FieldConfig(source=source, kind=kind, name=name)  # type: ignore[arg-type]
    for source, kind, name in (
        ("user", "categorical", "user_id"),
        ("user", "numeric", "click_7d"),
        ("item", "categorical", "item_id"),
        ("item", "numeric", "price_log"),
        ("item", "numeric", "never_told"),
        ("item", "vector", "text"),
        *(("cross", "numeric", name) for name in NAMES),
        ("context", "categorical", "position"),
        ("history", "sequence", "recent"),
    )
)
PAIRS = [("i1", "i2", 0.5), ("i2", "i1", 0.5), ("i2", "i3", 0.1), ("i3", "i1", 0.7)]


def user_rows(spark: SparkSession) -> DataFrame:
    """Users u0 to u5 as of day 4 and 5; u4 and u5 have nothing else to tell of day 5."""
    rows = [
        user_row(
            f"u{u}", at, {"click_7d": u + 1.0, "price_level": 1.0 + u / 7}, {},
            loved={"hats": 0.6, "shoes": 0.4}, brands={"acme": 1.0},
            recent=(("i1", "cart", at - u), ("i2", "click", 1)),
        )
        for at in (4, 5)
        for u in range(4 if at == 5 else 6)
    ]  # fmt: skip
    return frame_of(spark, rows, USER_FEATURES.schema)


def item_rows(spark: SparkSession) -> DataFrame:
    """Items i0 to i4 as of day 4 and 5."""
    rows = [
        item_row(
            f"i{n}", at, {"price_log": n / 3} if n else {},
            {"category": ("hats", "shoes", "coats")[n % 3], **({"brand": "acme"} if n % 2 else {})},
            {"text": [n + 0.25, at - 0.5]},
        )
        for at in (4, 5)
        for n in range(5)
    ]  # fmt: skip
    return frame_of(spark, rows, ITEM_FEATURES.schema)


def told(frame: DataFrame, key: str) -> Transform:
    """Stands in for the maker of features: [key, ds] -> the literal rows."""
    return lambda pairs: frame.join(pairs, [key, DS], "left_semi")


def neighbours(spark: SparkSession) -> DataFrame:
    return frame_of(spark, PAIRS, "item_id string, neighbour_id string, similarity double")


def texts(spark: SparkSession) -> ItemTexts:
    """Those of day 5, by which lists of that night are scored too."""
    rows = item_rows(spark).where(f"ds = '{day(5)}'")
    return ItemTexts.read(rows.selectExpr("item_id", "vectors['text'] AS vector").toArrow())


def samples(spark: SparkSession, train: int, valid: int = 6, test: int = 6) -> DataFrame:
    """Day 5's samples for train and valid, day 6's for test; all pairs are within u0-u6, i0-i5."""
    rows = [
        (
            n * 7919 + at, f"u{n % 7}", f"i{n // 7 % 6}", 1 + n % 60 if n % 5 else 1,
            {"click": float(n % 3 == 0)}, 1.0 + n % 4, "impression", split, day(at),
        )
        for split, rows, at in (("train", train, 5), ("valid", valid, 5), ("test", test, 6))
        for n in range(rows)
    ]  # fmt: skip
    unique = [(k, *row[1:]) for k, row in enumerate(rows)]
    return frame_of(spark, unique, SAMPLES.schema)


def draft() -> Encoding:
    """The encoding of FIELDS before its numbers are measured."""
    values = [("user_id", f"u{n}", BUCKETS + 1 + n) for n in range(5)]
    values += [("item_id", f"i{n}", BUCKETS + 1 + n) for n in range(4)]
    field, value, ids = (list(column) for column in zip(*values, strict=True))
    known = vocabularies(
        pa.table({"field": field, "value": value, "id": pa.array(ids, pa.int32())})
    )
    return planned(
        declared(FIELDS), known, [Vector("text", 2, "text")],
        tasks=("click",), buckets=BUCKETS, length=2, favourites=2, half_life_days=30.0,
    )  # fmt: skip


def encoded(
    spark: SparkSession, rows: DataFrame, *, ranks: int, rows_a_group: int = 10, seed: int = 7
) -> tuple[DataFrame, list[Deal], Encoding]:
    """The encoded samples, persisted, their deals, and the encoding with moments."""
    dealt_rows, deals = dealt(rows, seed, rows_a_group, ranks)
    sides = [
        features(asked(rows, key), key, told(frame, key))
        for key, frame in ((USER, user_rows(spark)), (ITEM, item_rows(spark)))
    ]
    near = Near(Neighbours.of(neighbours(spark).toArrow()), texts(spark))
    found = encoded_rows(dealt_rows, *sides, near, draft()).persist()
    return found, deals, with_moments(found, draft())


def written(
    spark: SparkSession, found: DataFrame, deal: Deal, encoding: Encoding, path: Path
) -> Sequence[pq.ParquetFile]:
    """Writes a split; its files in order."""
    write_split(Files(spark), row_groups(found, deal, draft(), encoding), deal, str(path))
    return [pq.ParquetFile(file) for file in sorted(path.glob("*.parquet"))]


def rows_of(files: Sequence[pq.ParquetFile]) -> list[dict[str, Any]]:
    return [row for file in files for row in file.read().to_pylist()]
