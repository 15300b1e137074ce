"""Item features worked out by hand."""

from datetime import date
from math import log

import pytest
from pyspark.sql import SparkSession

from nightshelf.features.item_features import Texts
from nightshelf.literals import frame_of
from tests.features.shop import Shop, by_key, event, features, item, march


def test_every_feature_of_an_item(spark: SparkSession) -> None:
    shop = Shop(
        events=[
            # Position 1: two impressions on the 8th, half a weight each, and one click. Position
            # 2: an impression on the 10th and none. One impression without a position.
            event("08 10:00", "u", "impression", "a", position=1),
            event("08 10:01", "u", "click", "a", position=1),
            event("08 10:00", "v", "impression", "b", position=1),
            event("10 10:00", "u", "impression", "a", position=2),
            event("10 10:00", "v", "impression", "a"),
            event("10 10:05", "u", "cart", "a"),
            event("10 10:06", "v", "search", query="shoes"),
        ],
        items=[
            item("a", march(1), category="X", title="Blue  shoe №2", price=2.0),
            item("a", march(9), brand="B", description=" ", price=4.0, launch_date=march(5)),
        ],
    )
    asked = [("a", march(10)), ("b", march(10)), ("a", march(7)), ("a", march(8))]
    found = by_key(shop.item_features(spark, asked, features()), "item_id")
    # As of the 10th: position 1 0.5 / 1, position 2 0 / 1, all 0.5 / 3.
    expected = 0.5 * 0.5 + 0.0 + 0.5 / 3
    last = found["a", march(10)]
    assert last["numbers"] == pytest.approx(
        {
            "impression_1d": 2, "impression_7d": 3, "impression_rate": 2.5,
            "click_1d": 0, "click_7d": 1, "click_rate": 0.5,
            "cart_1d": 1, "cart_7d": 1, "cart_rate": 1,
            "days_since_impression": 0, "days_since_click": 2, "days_since_cart": 0,
            "days_since_any": 0,
            "price_log": log(4), "age_days": 5,
            "title_words": 3, "title_letters": 8, "description_words": 0,
            "click_through": (0.5 + 2) / (expected + 2),
        }
    )  # fmt: skip
    assert last["categories"] == {"item_id": "a", "category": "X", "brand": "B"}
    assert last["vectors"] == {}
    other = found["b", march(10)]["numbers"]
    assert other["click_through"] == pytest.approx(2 / (0.5 * 0.5 + 2))
    assert other["age_days"] == 2.0
    assert "price_log" not in other
    assert "title_words" not in other
    assert "days_since_click" not in other
    assert found["b", march(10)]["categories"] == {"item_id": "b"}
    # Nothing had happened by the 7th: what the catalogue told is all there is.
    assert found["a", march(7)]["numbers"] == pytest.approx(
        {"price_log": log(2), "title_words": 3, "title_letters": 8}
    )
    assert found["a", march(7)]["categories"] == {"item_id": "a", "category": "X"}
    assert found["a", march(8)]["numbers"]["click_through"] == pytest.approx(3 / 2.5)


def test_positions_say_nothing_while_no_click_tells_its_own(spark: SparkSession) -> None:
    shop = Shop(
        events=[
            event("10 10:00", "u", "impression", "a", position=1),
            event("10 10:00", "v", "impression", "b", position=70),
            event("10 10:05", "u", "click", "a"),
            event("11 10:00", "v", "impression", "b", position=60),
            event("11 10:05", "v", "click", "b", position=50),
        ],
        items=[item("c", date(2026, 1, 1))],
    )
    asked = [("a", march(10)), ("b", march(10)), ("b", march(11)), ("c", march(11))]
    config = features(half_life_days=1.0)
    found = by_key(shop.item_features(spark, asked, config), "item_id")
    ratio = {key: row["numbers"]["click_through"] for key, row in found.items()}
    assert ratio["a", march(10)] == pytest.approx((1 + 2) / (0.5 + 2))
    assert ratio["b", march(10)] == pytest.approx((0 + 2) / (0.5 + 2))
    # From 50 on all positions are one: a click and 1.5 impressions, all of them of b.
    assert ratio["b", march(11)] == pytest.approx((1 + 2) / (1 + 2))
    assert ratio["c", march(11)] == 1.0


def test_texts_as_of_a_day_are_no_later_ones(spark: SparkSession) -> None:
    rows = [
        ("old", march(1), [1.0]), ("old", march(5), [2.0]), ("old", march(9), [3.0]),
        ("new", march(7), [4.0]), ("new", march(8), [5.0]),
    ]  # fmt: skip
    frame = frame_of(spark, rows, "item_id string, ds date, vector array<float>")
    found = Texts("text:m", frame).as_of(march(6)).collect()
    assert {row["item_id"]: row["vector"] for row in found} == {"old": [2.0], "new": [4.0]}
