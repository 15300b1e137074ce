"""User features worked out by hand."""

from datetime import date, datetime
from math import log, sqrt

import pytest
from pyspark.sql import SparkSession

from tests.features.shop import Shop, by_key, event, features, item, march, user

LN2 = log(2)


def test_every_feature_of_a_user_on_two_days(spark: SparkSession) -> None:
    shop = Shop(
        events=[
            event("01 10:00", "u", "click", "a"),
            event("08 09:00", "u", "cart", "b", price=8.0),
            event("10 11:59", "u", "impression", "a", position=1),
            event("10 12:01", "u", "click", "a"),
            event("10 12:02", "u", "search", query="shoes"),
            event("05 12:00", "other", "rating", "a", rating=3.0),
        ],
        items=[
            item("a", march(1), category="X", brand="B", price=4.0),
            item("a", march(9), price=16.0),
            item("b", march(2), category="Y", brand="B", price=1_000.0),
        ],
        users=[
            user("u", signup_date=date(2026, 2, 10), attributes={"device": "phone", "age": None}),
            user(
                "u",
                ds=march(9),
                signup_date=date(2026, 2, 12),
                attributes={"device": "old", "gone": "yes"},
            ),
        ],
    )
    asked = [("u", march(10)), ("u", march(8)), ("nobody", march(10))]
    found = by_key(shop.user_features(spark, asked, features()), "user_id")
    w = 2**-4.5  # of the first click on the 10th
    level = (2 * w + 3 * 1.5 + 4) / (w + 2.5)
    spread = sqrt((4 * w + 9 * 1.5 + 16) / (w + 2.5) - level**2)
    last = found["u", march(10)]
    assert last["numbers"] == pytest.approx(
        {
            "impression_1d": 1, "impression_7d": 1, "impression_rate": 1,
            "click_1d": 1, "click_7d": 1, "click_rate": 1 + w,
            "cart_1d": 0, "cart_7d": 1, "cart_rate": 0.5,
            "rating_1d": 0, "rating_7d": 0, "rating_rate": 0,
            "sessions_1d": 1, "sessions_7d": 2,
            "days_since_impression": 0, "days_since_click": 0, "days_since_cart": 2,
            "days_since_any": 0,
            "tenure_days": 28,
            "price_level": level * LN2, "price_spread": spread * LN2,
        }
    )  # fmt: skip
    assert last["categories"] == {
        "user_id": "u", "device": "phone", "loved_category": "Y", "loved_brand": "B",
    }  # fmt: skip
    assert [c["name"] for c in last["loved_categories"]] == ["Y", "X"]
    assert [c["share"] for c in last["loved_categories"]] == pytest.approx(
        [1.5 / (w + 2.5), (w + 1) / (w + 2.5)]
    )
    assert last["loved_brands"] == [{"name": "B", "share": 1.0}]
    assert last["recent"] == [
        {"item_id": "a", "event_type": "click", "event_ts": datetime(2026, 3, 10, 12, 1)},
        {"item_id": "b", "event_type": "cart", "event_ts": datetime(2026, 3, 8, 9, 0)},
    ]
    before = found["u", march(8)]
    v = 2**-3.5
    assert before["numbers"] == pytest.approx(
        {
            "click_1d": 0, "click_7d": 0, "click_rate": v,
            "cart_1d": 1, "cart_7d": 1, "cart_rate": 1,
            "rating_1d": 0, "rating_7d": 0, "rating_rate": 0,
            "sessions_1d": 1, "sessions_7d": 1,
            "days_since_click": 7, "days_since_cart": 0, "days_since_any": 0,
            "tenure_days": 24,
            "price_level": (2 * v + 9) / (v + 3) * LN2,
            "price_spread": sqrt((4 * v + 27) / (v + 3) - ((2 * v + 9) / (v + 3)) ** 2) * LN2,
        }
    )  # fmt: skip
    assert before["categories"] == {
        "user_id": "u", "device": "old", "gone": "yes", "loved_category": "Y", "loved_brand": "B",
    }  # fmt: skip
    assert before["recent"][1]["event_ts"] == datetime(2026, 3, 1, 10, 0)
    nobody = found["nobody", march(10)]
    assert set(nobody["numbers"].values()) == {0.0}
    assert nobody["categories"] == {"user_id": "nobody"}
    assert nobody["loved_categories"] == nobody["loved_brands"] == nobody["recent"] == []


def test_ties_late_attributes_and_sessions_of_several_days(spark: SparkSession) -> None:
    shop = Shop(
        events=[
            event("04 10:00", "u", "click", "b", session_id="s"),
            event("04 10:00", "u", "click", "a", session_id="s"),
            event("04 10:00", "u", "cart", "a", session_id="s"),
            event("05 10:00", "u", "click", "c", session_id="s"),
            event("05 10:00", "u", "click", "d", session_id="t"),
        ],
        items=[
            item("a", march(1), category="X"),
            item("b", march(1), category="W"),
            item("c", march(6), category="W", price=2.0),  # told a day after the click
            item("d", march(1), category="V"),
        ],
    )
    asked = [("u", march(day)) for day in (4, 5, 6, 12)]
    config = features(half_life_days=1.0, favourites=3)
    found = by_key(shop.user_features(spark, asked, config), "user_id")
    newest = [(r["item_id"], r["event_type"]) for r in found["u", march(5)]["recent"]]
    assert newest == [("c", "click"), ("d", "click"), ("a", "cart")]
    newest = [(r["item_id"], r["event_type"]) for r in found["u", march(4)]["recent"]]
    assert newest == [("a", "cart"), ("b", "click")]
    # As of the 5th: a 4 * 1/2, b 1/2, d 1. As of the 6th, at half of these, c with 1/2 as well.
    loved = {d: found["u", march(d)]["loved_categories"] for d in (5, 6, 12)}
    shares = {d: [(c["name"], c["share"]) for c in told] for d, told in loved.items()}
    assert shares[5] == [("X", 2 / 3.5), ("V", 1 / 3.5), ("W", 0.5 / 3.5)]
    assert shares[6] == [("X", 1 / 2.25), ("W", 0.75 / 2.25), ("V", 0.5 / 2.25)]
    assert shares[12] == shares[6]
    assert "price_level" not in found["u", march(5)]["numbers"]
    assert found["u", march(6)]["numbers"]["price_level"] == pytest.approx(LN2)
    assert found["u", march(6)]["numbers"]["price_spread"] == 0.0
    sessions = {
        d: [found["u", march(d)]["numbers"][f"sessions_{w}d"] for w in (1, 7)]
        for d in (4, 5, 6, 12)
    }
    assert sessions == {4: [1, 1], 5: [2, 2], 6: [0, 2], 12: [0, 0]}
    assert found["u", march(12)]["numbers"]["tenure_days"] == 8.0
