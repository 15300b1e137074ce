"""The training set: every row once, in even row groups, with the features of the day before."""

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from nightshelf.columns import ITEM, USER
from nightshelf.config import Config
from nightshelf.config.model import FeaturesConfig, FieldConfig
from nightshelf.ctr.scorer import ModelLoader
from nightshelf.errors import DataQualityError
from nightshelf.features.dealing import Deal, deal, dealt
from nightshelf.features.declared import declared
from nightshelf.features.export import (
    asked,
    features,
    training_columns,
    training_schema,
    value_counts,
)
from nightshelf.fields import UNKNOWN
from nightshelf.jobs import training_set
from nightshelf.jobs.training_set import Sides, check_row_groups
from nightshelf.ranking import model as ranking
from nightshelf.tables.files import Files
from nightshelf.tables.hashing import string_hashes
from tests.features import sample_shop as shop
from tests.features.rows import day


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [7, 8, 10, 11, 29, 30, 31, 1000])
def test_groups_are_even_and_a_multiple_of_the_ranks(rows: int, ranks: int) -> None:
    sizes = deal("train", rows, 10, ranks).sizes()
    assert sum(sizes) == rows
    assert len(sizes) % ranks == 0
    assert 0 < max(sizes) - 1 <= min(sizes) or max(sizes) == min(sizes) == 1
    assert max(sizes) <= max(20, math.ceil(rows / ranks))


@pytest.mark.parametrize(("rows", "ranks"), [(0, 1), (1, 2), (6, 7)])
def test_fewer_rows_than_ranks_are_refused(rows: int, ranks: int) -> None:
    with pytest.raises(
        DataQualityError, match=f"one valid row for each of {ranks} ranks.* {rows};"
    ):
        deal("valid", rows, 10, ranks)


@pytest.mark.long
def test_rows_are_dealt_by_a_hash_whatever_the_partitions(spark: SparkSession) -> None:
    rows = shop.samples(spark, 50)
    places = ("split", "row_group", "place")
    one, deals = dealt(rows.coalesce(1), 7, 10, 2)
    found = sorted(one.select("sample_id", *places).collect())
    assert deals == [Deal("train", 50, 4), Deal("valid", 6, 2), Deal("test", 6, 2)]
    many, _ = dealt(rows.repartition(5, "item_id"), 7, 10, 2)
    assert sorted(many.select("sample_id", *places).collect()) == found
    for told in deals:
        taken = [(r.row_group, r.place) for r in found if r.split == told.split]
        sizes = enumerate(told.sizes())
        assert sorted(taken) == [(g, p) for g, size in sizes for p in range(size)]
    other, _ = dealt(rows, 8, 10, 2)
    assert sorted(other.select("sample_id", *places).collect()) != found


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> Iterator[shop.DataFrame]:
    found = shop.samples(spark, 31).persist()
    yield found
    found.unpersist()


@pytest.mark.parametrize(
    ("ranks", "sizes"),
    [
        pytest.param(1, [11, 10, 10], marks=pytest.mark.long),
        (2, [8, 8, 8, 7]),
        pytest.param(3, [11, 10, 10], marks=pytest.mark.long),
    ],
)
def test_every_row_lies_in_one_row_group_of_one_file(
    spark: SparkSession, tmp_path: Path, rows: shop.DataFrame, ranks: int, sizes: list[int]
) -> None:
    found, deals, encoding = shop.encoded(spark, rows, ranks=ranks)
    files = shop.written(spark, found, deals[0], encoding, tmp_path / "train")
    assert [
        path.name for path in sorted((tmp_path / "train").iterdir()) if path.name[0] != "."
    ] == [f"part-{n:05d}.parquet" for n in range(len(sizes))]
    assert [file.metadata.num_row_groups for file in files] == [1] * len(sizes)
    assert [file.metadata.num_rows for file in files] == sizes
    for file in files:
        assert tuple(file.schema_arrow.names) == training_columns(encoding.inputs)
        kinds = {f"`{f.name}` {KINDS[f.type]}" for f in file.schema_arrow}
        assert kinds == set(training_schema(encoding.inputs).split(", "))
    got = shop.rows_of(files)
    asked_for = [
        (int(string_hashes(pa.array([r.user_id])).view(np.int64)[0]), r.weight, r.labels["click"],
         min(r.position, 50))
        for r in rows.where("split = 'train'").collect()
    ]  # fmt: skip
    told = [(r["user"], r["weight"], r["label_click"], r["position"]) for r in got]
    assert sorted(told) == sorted(asked_for)
    found.unpersist()


def test_the_position_is_known_by_its_field(
    spark: SparkSession, rows: shop.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attribute of users has the same name, and nobody has it."""
    attribute = FieldConfig(source="user", kind="categorical", name="position")
    config = Config(features=FeaturesConfig(fields=(*shop.FIELDS, attribute)))
    told = ((USER, shop.user_rows(spark)), (ITEM, shop.item_rows(spark)))
    sides = Sides(*(features(asked(rows, key), key, shop.told(frame, key)) for key, frame in told))
    monkeypatch.setattr(training_set, "_vocabularies", lambda *_: {})
    run: Any = SimpleNamespace(config=config)
    found = training_set._planned(run, rows, sides, [Deal("train", 31, 4)])
    assert found.inputs.categorical_columns == ("user_id", "item_id", "context_position")
    monkeypatch.setattr(ranking, "_known", lambda *_: None)
    monkeypatch.setattr(ranking, "explained", lambda *told: told[-1])
    model = ranking.RankingModel("m", ModelLoader("m"), found)
    explain: Any = model.features(3, *(frame for _, frame in told), shop.neighbours(spark))(rows)
    assert explain.left_out == ("context_position",)


KINDS = {pa.int32(): "int", pa.int64(): "bigint", pa.float32(): "float"}


@pytest.mark.long
def test_the_same_samples_make_the_same_files(
    spark: SparkSession, tmp_path: Path, rows: shop.DataFrame
) -> None:
    made = []
    for n, frame in enumerate((rows, rows.repartition(5, "sample_id"))):
        found, deals, encoding = shop.encoded(spark, frame, ranks=2)
        files = shop.written(spark, found, deals[0], encoding, tmp_path / str(n))
        made.append((encoding.inputs, [file.read() for file in files]))
        found.unpersist()
    assert made[0] == made[1]


def test_rows_are_those_of_the_features_of_the_day_before(
    spark: SparkSession, tmp_path: Path, rows: shop.DataFrame
) -> None:
    found, deals, encoding = shop.encoded(spark, rows, ranks=1)
    assert [field.name for field in encoding.inputs.numeric] == [
        "click_7d", "price_log", "item_cf", "text_similarity", "price_to_level", "category_share",
        "brand_share", "times_seen", "days_since_seen",
    ]  # fmt: skip
    test = shop.rows_of(shop.written(spark, found, deals[2], encoding, tmp_path / "test"))
    user = {int(h): f"u{n}" for n, h in enumerate(
        string_hashes(pa.array([f"u{n}" for n in range(7)])).view(np.int64)
    )}  # fmt: skip
    by_user = {user[row["user"]]: row for row in test}
    assert len(by_user) == 6
    scale = {field.name: (field.mean, field.sd) for field in encoding.inputs.numeric}

    def scaled(name: str, value: float) -> object:
        mean, sd = scale[name]
        return pytest.approx((value - mean) / sd, abs=1e-6)

    row = by_user["u3"]  # item i0, as of day 5, whose price is not told
    expected = {
        "user_id": 8, "item_id": 5, "position": 4,
        "click_7d": scaled("click_7d", math.log(5)), "price_log": 0.0, "price_to_level": 0.0,
        "item_cf": scaled("item_cf", 0.0), "category_share": scaled("category_share", 0.6),
        "brand_share": 0.0, "times_seen": scaled("times_seen", 0.0), "days_since_seen": 0.0,
        "recent_item_0": 6, "recent_item_1": 7, "recent_type_0": 4, "recent_type_1": 3,
        "recent_age_0": 3, "recent_age_1": 3, "text_0": 0.25, "text_1": 4.5,
        "label_click": 1.0, "weight": 4.0,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    nobody = by_user["u5"]  # no features as of day 5, though there were as of day 4
    assert nobody["user_id"] == UNKNOWN
    assert nobody["click_7d"] == 0.0
    assert [nobody[name] for name in encoding.inputs.history_columns] == [UNKNOWN] * 6
    found.unpersist()


def test_row_groups_that_are_not_as_dealt_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    table = pa.table({"x": [1, 2, 3, 4]})
    shop.pq.write_table(table, tmp_path / "part-00000.parquet", row_group_size=2)
    shop.pq.write_table(table, tmp_path / "part-00001.parquet")
    with pytest.raises(DataQualityError, match=r"2 files of one row group .* \[\(2, 4\)\]"):
        check_row_groups(spark, Files(spark), Deal("train", 8, 2), str(tmp_path))
    (tmp_path / "part-00000.parquet").unlink()
    check_row_groups(spark, Files(spark), Deal("train", 4, 1), str(tmp_path))
    with pytest.raises(
        DataQualityError, match=r"expected 1 files .* 5 in all; found 1 files with 4"
    ):
        check_row_groups(spark, Files(spark), Deal("train", 5, 1), str(tmp_path))


def test_values_are_counted_by_training_rows(spark: SparkSession, rows: shop.DataFrame) -> None:
    wanted = asked(rows, "user_id")
    assert {(r.user_id, r.ds): r.train_rows for r in wanted.collect()} == {
        **{(f"u{n}", day(4)): len(range(n, 31, 7)) for n in range(7)},
        **{(f"u{n}", day(5)): 0 for n in range(6)},
    }
    made = shop.features(wanted, "user_id", shop.told(shop.user_rows(spark), "user_id"))
    counts = {
        (r.field, r.value): r["count"] for r in value_counts(made, declared(shop.FIELDS)).collect()
    }
    assert counts == {("user_id", f"u{n}"): len(range(n, 31, 7)) for n in range(6)}
