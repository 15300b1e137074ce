"""Encoding: literal rows of features in, literal ids and numbers out."""

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshelf.config.model import FIELDS, FieldConfig
from nightshelf.ctr.decoding import shard
from nightshelf.errors import ConfigError, DataQualityError, MissingInputError
from nightshelf.features.declared import declared, levelled
from nightshelf.features.encoding import Encoding, planned, vocabularies
from nightshelf.features.moments import measured, summed
from nightshelf.features.sides import encoded_items, encoded_users, packed, unknown, unpacked
from nightshelf.fields import Categorical, History, Inputs, Numeric, Vector
from nightshelf.learning.storage import Folder
from nightshelf.tables import ITEM_FEATURES, USER_FEATURES
from nightshelf.tables.hashing import string_hashes
from tests.features.rows import arrow, item_row, user_row

CHOSEN = tuple(
    FieldConfig(source=source, kind=kind, name=name)  # type: ignore[arg-type]
    for source, kind, name in (
        ("user", "categorical", "device"),
        ("user", "numeric", "click_7d"),
        ("user", "numeric", "price_level"),
        ("item", "categorical", "item_id"),
        ("item", "numeric", "click_7d"),
        ("item", "vector", "title"),
        ("cross", "numeric", "times_seen"),
        ("context", "categorical", "position"),
        ("history", "sequence", "recent"),
    )
)
KNOWN = vocabularies(
    pa.table(
        {
            "field": ["device", "device", "item_id", "item_id"],
            "value": ["phone", "desk", "i1", "i2"],
            "id": pa.array([5, 6, 5, 6], pa.int32()),
        }
    )
)


def encoding(**changed: Any) -> Encoding:
    told = {
        "tasks": ("click",),
        "buckets": 4,
        "length": 3,
        "favourites": 2,
        "half_life_days": 30.0,
        **changed,
    }
    return planned(declared(CHOSEN), KNOWN, [Vector("title", 2, "title")], **told)


def test_columns_carry_their_source_where_names_meet() -> None:
    columns = {(f.source, f.name): f.column for f in declared(FIELDS)}
    assert columns["user", "click_rate"] == "user_click_rate"
    assert columns["item", "click_rate"] == "item_click_rate"
    assert columns["user", "tenure_days"] == "tenure_days"
    assert columns["item", "item_id"] == "item_id"
    assert len(set(columns.values())) == len(FIELDS)


def of_users(*names: str) -> list[FieldConfig]:
    return [FieldConfig(source="user", kind="categorical", name=name) for name in names]


def test_the_texts_numbers_are_found_beside_an_attribute_of_that_name() -> None:
    item = FieldConfig(source="item", kind="vector", name="text")
    fields = declared([*of_users("text"), item])
    told = planned(
        fields, {}, [Vector("item_text", 3, "text:a")],
        tasks=("click",), buckets=4, length=3, favourites=2, half_life_days=None,
    )  # fmt: skip
    assert told.reads("text")
    assert told.numbers_of("text") == slice(0, 3)
    assert not encoding().reads("text")


def test_columns_can_be_read_whatever_the_names(tmp_path: Path) -> None:
    names = ("age:token", "home-town", "class", "_seen", "1st", "größe", "größe (cm)")
    columns = [field.column for field in declared(of_users(*names))]
    assert columns == [
        "user_age_token", "user_home_town", "user_class", "user__seen", "user_1st", "größe",
        "user_größe__cm_",
    ]  # fmt: skip
    told = {name: [n] for n, name in enumerate([*columns, "label_click", "weight", "user"])}
    pq.write_table(pa.table(told), tmp_path / "part-00000.parquet")
    inputs = Inputs(categorical=tuple(Categorical(name, 9) for name in columns))
    rows = next(shard(Folder(str(tmp_path)), inputs).batches([1], None))
    assert rows.ids.tolist() == [[0, 1, 2, 3, 4, 5, 6]]
    item = FieldConfig(source="item", kind="numeric", name="age:token")
    assert [f.column for f in declared([*of_users("age:token"), item])] == [
        "user_age_token", "item_age_token",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"user\.age:token, user\.age-token: would be one column"):
        declared(of_users("age:token", "age-token", "device"))


@pytest.mark.parametrize(
    ("source", "kind", "name", "told"),
    [
        ("cross", "numeric", "wishes", "named item_cf, text_similarity, price_to_level"),
        ("context", "categorical", "weather", "named position"),
        ("user", "vector", "title", "user has categorical, numeric fields"),
        ("history", "sequence", "recent", "declare it"),
    ],
)
def test_fields_that_cannot_be_made_are_refused(
    source: str, kind: str, name: str, told: str
) -> None:
    field = FieldConfig(source=source, kind=kind, name=name)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=told):
        declared([field])


def test_inputs_are_in_the_declared_order() -> None:
    assert encoding().inputs == Inputs(
        categorical=(
            Categorical("device", 7),
            Categorical("item_id", 7),
            Categorical("position", 51),
        ),
        numeric=(
            Numeric("user_click_7d"),
            Numeric("price_level"),
            Numeric("item_click_7d"),
            Numeric("times_seen"),
        ),
        history=History("item_id", 3, 8, 13),
        vectors=(Vector("title", 2, "title"),),
        tasks=("click",),
    )


def test_users_are_encoded() -> None:
    rows = [
        user_row(
            "u", 40, {"price_level": 2.5, "click_7d": 3.0, "other": 1.0}, {"device": "desk"},
            loved={"hats": 0.2, "shoes": 0.7, "coats": 0.1}, brands={"acme": 1.0},
            recent=(
                ("i2", "purchase", 40), ("i9", "click", 38), ("i1", "view", 10), ("i3", "cart", 1),
            ),
        ),
        user_row("v", 3, {"click_7d": -1.0}),
        user_row("w", 3, {}, {"device": "fridge"}),
    ]  # fmt: skip
    found = encoded_users(encoding(), arrow(rows, USER_FEATURES))
    assert found["ids"][:2].tolist() == [[6], [0]]
    assert 1 <= found["ids"][2, 0] <= 4
    np.testing.assert_array_equal(
        found["numbers"],
        np.array([[math.log(4), 2.5], [-math.log(2), np.nan], [np.nan, np.nan]], np.float32),
    )
    np.testing.assert_array_equal(found["price"], np.array([2.5, np.nan, np.nan], np.float32))
    history = found["history"][0].tolist()
    assert history[0] == 6
    assert 1 <= history[1] <= 4
    assert history[2:] == [5, 5, 3, 2, 1, 2, 5]  # types in EVENT_TYPES; ages 0, 2 and 30 days
    assert found["history"][1:].sum() == 0
    assert found["recent"][0].tolist() == string_hashes(pa.array(["i2", "i9", "i1"])).tolist()
    assert found["ages"][0].tolist() == [0, 2, 30]
    assert found["categories"][0].tolist() == string_hashes(pa.array(["shoes", "hats"])).tolist()
    assert found["categories_shares"][0].tolist() == np.float32([0.7, 0.2]).tolist()
    assert found["brands"][0].tolist() == [*string_hashes(pa.array(["acme"])).tolist(), 0]


def test_items_are_encoded() -> None:
    rows = [
        item_row(
            "i1",
            3,
            {"click_7d": 1.0, "price_log": 3.0},
            {"category": "hats"},
            {"title": [1.0, 2.0]},
        ),
        item_row("i9", 3),
    ]
    found = encoded_items(encoding(), arrow(rows, ITEM_FEATURES))
    assert found["ids"][0].tolist() == [5]
    assert 1 <= found["ids"][1, 0] <= 4
    np.testing.assert_array_equal(found["numbers"], np.array([[math.log(2)], [np.nan]], np.float32))
    assert found["vectors"].tolist() == [[1.0, 2.0], [0.0, 0.0]]
    assert found["category"].tolist() == [*string_hashes(pa.array(["hats"])).tolist(), 0]
    assert found["brand"].tolist() == [0, 0]
    np.testing.assert_array_equal(found["price"], np.array([3.0, np.nan], np.float32))
    with pytest.raises(DataQualityError, match="vector 'title': expected 2 numbers"):
        encoded_items(
            encoding(), arrow([item_row("i", 3, None, None, {"title": [1.0]})], ITEM_FEATURES)
        )


def test_the_order_of_a_maps_keys_and_slices_do_not_matter() -> None:
    rows = [
        user_row("u", 4, {"price_level": 2.5, "click_7d": 3.0}, {"device": "desk"}),
        user_row("v", 4, {"click_7d": 3.0, "price_level": 2.5}, {"a": "b", "device": "desk"},
                 recent=(("i1", "click", 3),)),
        user_row("w", 4, {"click_7d": 1.0}, recent=(("i2", "click", 2), ("i1", "cart", 1))),
    ]  # fmt: skip
    batch = arrow(rows, USER_FEATURES)
    whole = encoded_users(encoding(), batch)
    assert whole["ids"][0] == whole["ids"][1]
    assert whole["numbers"][0].tolist() == whole["numbers"][1].tolist()
    for n in range(3):
        assert encoded_users(encoding(), batch.slice(n, 1)).tobytes() == whole[n : n + 1].tobytes()


def test_a_row_of_nulls_is_the_unknown_one() -> None:
    told = arrow([user_row("u", 4), ("v", None, None, None, None, None, None)], USER_FEATURES)
    found = encoded_users(encoding(), told)
    assert found[1:].tobytes() == unknown(encoding().user_row).tobytes()


def test_sides_travel_as_bytes() -> None:
    rows = arrow([user_row("u", 4, {"click_7d": 3.0}), user_row("v", 4)], USER_FEATURES)
    side = encoded_users(encoding(), rows)
    sent = pa.concat_arrays([packed(side), pa.array([None], pa.binary()), packed(side[1:])])
    missing = unknown(side.dtype)
    for start in range(4):
        found = unpacked(sent.slice(start), side.dtype, missing)
        expected = np.concatenate([side, missing, side[1:]])[start:]
        assert found.tobytes() == expected.tobytes()


def test_moments_are_those_of_numpy_in_any_order() -> None:
    rng = np.random.default_rng(7)
    block = rng.normal(3, 2, (1000, 3)).astype(np.float32)
    block[::3, 1] = np.nan
    block[:, 2] = np.nan
    halves = [summed([block[a:b]]) for a, b in ((0, 100), (100, 1000))]
    told = [row["moments"] for half in halves for batch in half for row in batch.to_pylist()]
    found = measured(told, ("a", "b", "c"))
    assert found.keys() == {"a", "b"}
    for n, name in enumerate("ab"):
        known = block[~np.isnan(block[:, n]), n].astype(np.float64)
        assert found[name] == pytest.approx((known.mean(), known.std()), abs=1e-4)
    assert measured(reversed(told), ("a", "b", "c")) == found
    one = summed([block[rng.permutation(1000)]])
    assert measured([next(iter(one)).to_pylist()[0]["moments"]], ("a", "b", "c")) == found
    assert measured([], ("a",)) == {}
    same = next(iter(summed([np.array([[0.1, -7e4]] * 5, np.float32)]))).to_pylist()[0]["moments"]
    assert measured([same], ("a", "b")) == {
        "a": (pytest.approx(0.1, abs=1e-5), 1.0),
        "b": (-65_535.0, 1.0),
    }


def test_numbers_are_scaled_and_unknown_ones_are_zero() -> None:
    made = encoding().with_numbers({"user_click_7d": (1.0, 2.0), "times_seen": (0.0, 1.0)})
    assert [f.name for f in made.inputs.numeric] == ["user_click_7d", "times_seen"]
    assert [f.column for f in made.columns("numeric")] == ["user_click_7d", "times_seen"]
    found = made.scaled(np.array([[5.0, 1.0], [np.nan, 0.0]], np.float32))
    assert found.dtype == np.float32
    assert found.tolist() == [[2.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("name", "is_levelled"),
    [
        ("click_7d", True), ("click_rate", True), ("tenure_days", True), ("times_seen", True),
        ("days_since_any", True), ("price_spread", False), ("price_log", False), ("item_cf", False),
    ],
)  # fmt: skip
def test_counts_rates_and_ages_are_levelled(name: str, is_levelled: bool) -> None:
    assert levelled(name, -7.0) == pytest.approx(-math.log(8) if is_levelled else -7.0)


def test_an_encoding_is_kept_in_plain_files(tmp_path: Path) -> None:
    made = encoding().with_numbers({"price_level": (1.25, 0.1)})
    made.save(tmp_path / "encoding")
    assert {path.suffix for path in (tmp_path / "encoding").iterdir()} == {".json", ".parquet"}
    rows = arrow(
        [user_row("u", 4, {"price_level": 2.0}, {"device": "desk"}, recent=(("i1", "cart", 1),))],
        USER_FEATURES,
    )
    for again in (Encoding.load(tmp_path / "encoding"), pickle.loads(pickle.dumps(made))):
        assert again.files() == made.files()
        assert again.inputs == made.inputs
        assert encoded_users(again, rows).tobytes() == encoded_users(made, rows).tobytes()
    (tmp_path / "encoding" / "encoding.json").unlink()
    with pytest.raises(MissingInputError, match=r"found no encoding\.json"):
        Encoding.load(tmp_path / "encoding")


def test_a_field_whose_values_are_all_rare_has_buckets_alone(tmp_path: Path) -> None:
    told = {"tasks": ("click",), "buckets": 4, "length": 3, "favourites": 2, "half_life_days": 30.0}
    made = planned(declared(CHOSEN), {"device": KNOWN["device"]}, [], **told)  # type: ignore[arg-type]
    sizes = {field.name: field.size for field in made.inputs.categorical}
    assert (sizes["device"], sizes["item_id"]) == (7, 5)
    made.save(tmp_path)
    again = Encoding.load(tmp_path)
    assert again.files() == made.files()
    assert again.vocabularies["item_id"].encoded(pa.array(["i", None]), 4)[1] == 0
    assert 1 <= again.vocabularies["item_id"].encoded(pa.array(["i"]), 4)[0] <= 4


def test_buckets_cannot_take_ids_that_are_given() -> None:
    with pytest.raises(ConfigError, match=r"samples\.buckets: expected at most 4 .*'device'.* 5;"):
        encoding(buckets=5)
