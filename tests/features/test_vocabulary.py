"""Vocabularies: ids that never change, buckets for rare values."""

from datetime import date

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from nightshelf.features.vocabulary import Vocabulary, grown, shares
from nightshelf.literals import frame_of
from nightshelf.tables import VOCABULARIES
from tests.conftest import Frame

VALUES = "field string, value string, count bigint"
ONE, TWO = date(2026, 11, 1), date(2026, 11, 2)


def test_ids_are_kept_and_added_behind(spark: SparkSession, frame: Frame) -> None:
    counts = [("brand", "b", 5), ("brand", "a", 5), ("brand", "c", 9), ("brand", "rare", 1)]
    none = frame_of(spark, [], VOCABULARIES.schema)
    first = none.transform(
        lambda known: grown(
            known, frame(VALUES, [*counts, ("item_id", "x", 2)]), min_count=2, buckets=4, ds=ONE
        )
    )
    assert [(f.name, f.dataType) for f in first.schema] == [
        (f.name, f.dataType) for f in VOCABULARIES.schema
    ]
    night = sorted(tuple(row) for row in first.collect())
    assert night == [
        ("brand", "a", 6, ONE), ("brand", "b", 7, ONE), ("brand", "c", 5, ONE),
        ("item_id", "x", 5, ONE),
    ]  # fmt: skip
    known = frame("field string, value string, id int, since date", night)
    # b is gone, a is rarer than it was, and what is new comes last however frequent.
    later = frame(VALUES, [("brand", "a", 1), ("brand", "new", 99), ("brand", "rare", 2)])
    for again in (known, grown(known, later, min_count=2, buckets=4, ds=TWO)):
        after = grown(again, later, min_count=2, buckets=4, ds=TWO)
        assert sorted(tuple(row) for row in after.collect()) == [
            *night[:3], ("brand", "new", 8, TWO), ("brand", "rare", 9, TWO), night[3],
        ]  # fmt: skip


def test_an_earlier_day_may_use_ids_given_later(frame: Frame) -> None:
    rows = [("brand", "a", 5, TWO), ("brand", "b", 6, TWO), ("brand", "c", 7, TWO)]
    known = frame("field string, value string, id int, since date", rows)
    values = frame(VALUES, [("brand", "a", 3), ("brand", "b", 1), ("brand", "new", 2)])
    found = grown(known, values, min_count=2, buckets=4, ds=ONE)
    assert sorted(tuple(row) for row in found.collect()) == [
        ("brand", "a", 5, ONE), ("brand", "b", 6, TWO), ("brand", "c", 7, TWO),
        ("brand", "new", 8, ONE),
    ]  # fmt: skip


def test_shares_tell_what_has_no_id(frame: Frame) -> None:
    counts = frame(VALUES, [("brand", "a", 6), ("brand", "rare", 1), ("city", "x", 10)])
    known = frame("field string, value string, id int", [("brand", "a", 5), ("city", "x", 5)])
    found = {
        row["field"]: (row["unknown"], row["hashed"]) for row in shares(counts, known, 10).collect()
    }
    assert {f: (round(u, 9), round(h, 9)) for f, (u, h) in found.items()} == {
        "brand": (0.3, 0.1),
        "city": (0.0, 0.0),
    }


def test_a_lookup_finds_ids_buckets_and_nothing() -> None:
    rows = pa.table({"value": ["b", "a", ""], "id": pa.array([7, 9, 8], pa.int32())})
    vocabulary = Vocabulary.of(rows)
    assert vocabulary.values.to_pylist() == ["", "a", "b"]
    assert (vocabulary.least, vocabulary.most) == (7, 9)
    found = vocabulary.encoded(pa.array(["a", None, "b", "", "other", "b"]), 6)
    assert found.dtype == np.int32
    assert found[[0, 1, 2, 3, 5]].tolist() == [9, 0, 7, 8, 7]
    assert 1 <= found[4] <= 6


def test_rare_values_spread_over_the_buckets() -> None:
    nothing = Vocabulary.of(
        pa.table({"value": pa.array([], pa.string()), "id": pa.array([], pa.int32())})
    )
    assert (nothing.least, nothing.most) == (None, 0)
    values = pa.array([f"v{n}" for n in range(8000)])
    found = nothing.encoded(values, 16)
    assert np.array_equal(found, nothing.encoded(values, 16))
    counts = np.bincount(found, minlength=17)
    assert counts[0] == 0
    assert counts[1:].min() > 400  # of 500, four and a half standard deviations
    assert counts[1:].max() < 600
