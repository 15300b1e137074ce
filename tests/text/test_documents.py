"""What the text of an item is, and how it is cleaned."""

from datetime import date

from pyspark.sql import SparkSession

from nightshelf.literals import frame_of
from nightshelf.tables import SILVER_ITEMS
from nightshelf.text.documents import cleaned, item_texts
from tests.features.shop import item

DAY_1, DAY_2, DAY_3 = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)


def test_a_row_a_day_on_which_the_text_changed(spark: SparkSession) -> None:
    told = [
        item("a", DAY_1, title="Blue mug", brand="Alden", price=1.0),
        item("a", DAY_2, title="Blue mug", price=2.0),  # only the price
        item("a", DAY_3, category="Home > Kitchen"),
        item("b", DAY_1, title="  ", description="A lamp."),
        item("c", DAY_1, price=3.0),
    ]
    columns = SILVER_ITEMS.schema.names
    rows = [tuple(row.get(name) for name in columns) for row in told]
    found = frame_of(spark, rows, SILVER_ITEMS.schema).transform(item_texts()).collect()
    assert {(row["item_id"], row["ds"]): row["text"] for row in found} == {
        ("a", DAY_1): "Blue mug\nAlden",
        ("a", DAY_3): "Blue mug\nAlden\nHome > Kitchen",
        ("b", DAY_1): "A lamp.",
    }
    assert len({row["text_hash"] for row in found}) == 3


def test_cleaning() -> None:
    assert cleaned("<b>Blue</b>&nbsp;mug &amp; <a href='x'>lamp</a>\t\x00\x07 1", 100) == (
        "Blue mug & lamp 1"
    )
    assert cleaned("3 < 5 and 7 > 6", 100) == "3 < 5 and 7 > 6"  # no tags
    assert cleaned("ｆｕｌｌ ﬁne №5", 100) == "full fine No5"
    assert cleaned("кофе ☕ قهوة 咖啡 👩‍🍳", 100) == "кофе ☕ قهوة 咖啡 👩 🍳"
    assert cleaned("'; DROP TABLE items; --", 100) == "'; DROP TABLE items; --"
    assert cleaned("", 100) == cleaned(" \n ", 100) == ""
    assert len(cleaned("word " * 200_000, 1_000)) == 1_000
    assert cleaned("<" * 1_000_000, 50) == "<" * 50  # no tag ever ends
