"""Many keys on many days of a random shop: against the definitions, and against itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from nightshelf.config.model import FeaturesConfig
from tests.features import oracle
from tests.features.shop import Row, Shop, by_key, features, item, user

START = date(2025, 12, 20)
DAYS = [START + timedelta(days=n) for n in (9, 10, 25, 39, 60)]
CONFIG = features(windows_days=(1, 3, 30), half_life_days=5.0, favourites=3, history_length=4)
USERS = [f"u{n}" for n in range(11)]
ITEMS = [f"i{n}" for n in range(13)]
FIELDS = {"user_id": "user_features", "item_id": "item_features"}
NAMES = {"user_id": USERS, "item_id": ITEMS}

Found = dict[tuple[str, date], Row]


def shop(seed: int = 5, events: int = 700) -> Shop:
    rng = np.random.default_rng(seed)
    later = {"b": "1", "a": "2"}
    return Shop(
        [_event(rng, n) for n in range(events)],
        [row for n in range(11) for row in _history(rng, f"i{n}")],
        [
            user("u0", ds=DAYS[1], signup_date=START, attributes={"device": "tv"}),
            user("u0", ds=DAYS[2], signup_date=START - timedelta(days=9), attributes=later),
            user("u0", ds=DAYS[3], signup_date=START - timedelta(days=9), attributes=later),
            user("u1", ds=DAYS[1], attributes={"device": "phone", "a": None}),
            user("u2", ds=DAYS[1], signup_date=DAYS[1], attributes={"device": "tv"}),
            user("u3", ds=DAYS[3], signup_date=DAYS[2], attributes={"device": "tv"}),
            user("u4", ds=DAYS[2], signup_date=DAYS[4]),
            user("far", ds=DAYS[1], signup_date=START, attributes={"device": "phone"}),
        ],
    )


def _event(rng: np.random.Generator, n: int) -> Row:
    kind = str(rng.choice([*oracle.TYPES, "search"], p=[0.4, 0.1, 0.2, 0.1, 0.05, 0.1, 0.05]))
    at = datetime.combine(START, datetime.min.time(), UTC) + timedelta(
        hours=int(24 * 40 * rng.random() ** 0.7)
    )
    return {
        "user_id": str(rng.choice(USERS[:10])),
        "item_id": None if kind == "search" else ITEMS[int(12 * rng.random() ** 2)],
        "event_type": kind,
        "event_ts": at,
        "ds": at.date(),
        "session_id": f"s{rng.integers(40)}",  # many of which come back on other days
        "price": [None, 0.0, 2.5, 40.0][rng.integers(4)],
        "rating": float(rng.integers(1, 6)) if kind == "rating" else None,
        "position": [None, *range(1, 5), 49, 50, 80][rng.integers(8)]
        if kind in ("impression", "click")
        else None,
        "source_row": str(n),
    }


def _history(rng: np.random.Generator, name: str) -> list[Row]:
    days = np.sort(rng.choice(45, 4, replace=False))
    return [
        item(
            name,
            START + timedelta(days=int(day)),
            category=[None, "X", "Y > Z", "Ä"][rng.integers(4)],
            brand=[None, None, "B", "C"][rng.integers(4)],
            price=[None, 0.0, 3.0, 11.0][rng.integers(4)],
            title=[None, "one", "zwölf Uhr 12"][rng.integers(3)],
            description=[None, "a b  c d"][rng.integers(2)],
            launch_date=[None, START, START + timedelta(days=70)][rng.integers(3)],
        )
        for day in days
    ]


def _asked(key: str) -> list[tuple[str, date]]:
    return [(name, day) for name in NAMES[key] for day in DAYS]


def _found(spark: SparkSession, some: Shop, key: str) -> Found:
    make: Callable[[SparkSession, Any, FeaturesConfig], DataFrame] = getattr(some, FIELDS[key])
    return by_key(make(spark, _asked(key), CONFIG), key)


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> dict[str, Found]:
    return {key: _found(spark, shop(), key) for key in FIELDS}


def _close(ours: Row, theirs: Row) -> None:
    for name, told in theirs.items():
        if name == "numbers":
            assert ours[name] == pytest.approx(told, rel=1e-8, abs=1e-12)
            mine, others = ({**row[name], "click_through": 0.0} for row in (ours, theirs))
            assert mine == pytest.approx(others, rel=1e-12, abs=1e-12)
        elif name.startswith("loved"):
            assert [c["name"] for c in ours[name]] == [c["name"] for c in told]
            assert [c["share"] for c in ours[name]] == pytest.approx([c["share"] for c in told])
        else:
            assert ours[name] == told


@pytest.mark.parametrize("key", FIELDS)
def test_the_same_as_by_the_definitions(found: dict[str, Found], key: str) -> None:
    row = {"user_id": oracle.user_row, "item_id": oracle.item_row}[key]
    assert found[key].keys() == set(_asked(key))
    for (name, day), ours in found[key].items():
        _close(ours, row(shop(), CONFIG, name, day))


@pytest.mark.parametrize("key", FIELDS)
def test_later_events_items_and_users_leave_no_trace(
    spark: SparkSession, found: dict[str, Found], key: str
) -> None:
    day = DAYS[2]
    later = [
        {**e, "ds": e["ds"] + timedelta(days=45), "event_ts": e["event_ts"] + timedelta(days=45)}
        for e in shop(seed=6, events=150).events
        if e["ds"] + timedelta(days=45) > day
    ]
    told = {"category": "later", "brand": "later", "price": 99.0, "title": "later", "stock": 0}
    items = [item(name, day + timedelta(days=1), **told) for name in ("i0", "i1", "i11", "i12")]
    known = {(r["item_id"], r["ds"]) for r in shop().items}
    people = [
        user(name, ds=day + timedelta(days=1), signup_date=START, attributes={"device": "later"})
        for name in ("u0", "u1", "u2", "u7")
    ]
    planted = replace(
        shop(),
        events=shop().events + later,
        items=shop().items + [r for r in items if (r["item_id"], r["ds"]) not in known],
        users=[*(shop().users or []), *people],
    )
    ours = _found(spark, planted, key)
    earlier = {pair for pair in ours if pair[1] <= day}
    assert {pair: ours[pair] for pair in earlier} == {pair: found[key][pair] for pair in earlier}
    assert ours != found[key]


@pytest.mark.parametrize("key", FIELDS)
def test_the_same_bits_in_any_order_and_parts(
    spark: SparkSession, found: dict[str, Found], key: str
) -> None:
    some = shop()
    order = np.random.default_rng(3).permutation(len(some.events))
    mixed = replace(some, events=[some.events[n] for n in order], items=some.items[::-1])
    spark.conf.set("spark.sql.shuffle.partitions", "3")
    try:
        ours = _found(spark, mixed, key)
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", "4")
    assert ours == found[key]
    assert all(list(ours[pair]["numbers"]) == list(found[key][pair]["numbers"]) for pair in ours)


def test_keys_come_in_one_order(found: dict[str, Found]) -> None:
    for key in FIELDS:
        orders = {tuple(row["numbers"]) for row in found[key].values()}
        longest = max(orders, key=len)
        for order in orders:
            assert list(order) == sorted(order, key=longest.index)
    assert list(found["user_id"]["u0", DAYS[3]]["categories"]) == [
        "user_id", "loved_category", "loved_brand", "a", "b",
    ]  # fmt: skip


def test_a_shop_of_ratings_alone(spark: SparkSession) -> None:
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    bare = {"event_type": "rating", "event_ts": at, "ds": at.date(), "session_id": "s"}
    some = Shop(
        [
            {**bare, "user_id": "u", "item_id": "a", "rating": 5.0, "source_row": "1"},
            {**bare, "user_id": "u", "item_id": "b", "rating": 1.0, "source_row": "2"},
        ],
        [],
    )
    day = date(2026, 1, 7)
    rows = by_key(some.user_features(spark, [("u", day)], features()), "user_id")
    assert rows["u", day] == {
        "user_id": "u",
        "numbers": {
            "rating_1d": 0.0, "rating_7d": 2.0, "rating_rate": 1.0, "days_since_rating": 2.0,
            "days_since_any": 2.0, "sessions_1d": 0.0, "sessions_7d": 1.0, "tenure_days": 2.0,
        },
        "categories": {"user_id": "u"},
        "loved_categories": [],
        "loved_brands": [],
        "recent": [{"item_id": "a", "event_type": "rating", "event_ts": at.replace(tzinfo=None)}],
        "ds": day,
    }  # fmt: skip
    items = by_key(some.item_features(spark, [("b", day)], features()), "item_id")
    assert items["b", day]["numbers"] == {
        "rating_1d": 0.0, "rating_7d": 1.0, "rating_rate": 0.5, "days_since_rating": 2.0,
        "age_days": 2.0,
    }  # fmt: skip
