"""The catalogue as of a day."""

from datetime import date
from typing import Any

from pyspark.sql import SparkSession

from nightshelf.literals import frame_of
from nightshelf.tables import SILVER_ITEMS
from nightshelf.tables.as_of import items_as_of, since_first_event

D = [date(2026, 11, day) for day in range(1, 6)]


def row(item: str, day: date, **told: Any) -> tuple[Any, ...]:
    blank: dict[str, Any] = {"item_id": item, "ds": day, "delisted": False}
    return tuple({**blank, **told}.get(name) for name in SILVER_ITEMS.schema.names)


def test_the_newest_value_of_each_column_up_to_the_day(spark: SparkSession) -> None:
    items = frame_of(
        spark,
        [
            row("a", D[0], title="A", price=1.0, attributes={"x": "1", "y": "1"}),
            row("a", D[2], price=2.0, attributes={"y": "2", "z": "2"}),
            row("a", D[4], title="later", price=9.0),
        ],
        SILVER_ITEMS.schema,
    )
    told = items.transform(items_as_of(D[3])).collect()
    assert [(r["item_id"], r["title"], r["price"]) for r in told] == [("a", "A", 2.0)]
    assert told[0]["attributes"] == {"x": "1", "y": "2", "z": "2"}


def test_what_is_on_sale_the_day_after(spark: SparkSession) -> None:
    items = frame_of(
        spark,
        [
            row("plain", D[0]),
            row("in stock", D[0], stock=3),
            row("sold out", D[0], stock=3), row("sold out", D[2], stock=0),
            row("back", D[0], stock=0), row("back", D[2], stock=1),
            row("gone", D[2], delisted=True),
            row("tomorrow", D[0], launch_date=D[4]),
            row("next week", D[0], launch_date=date(2026, 11, 12)),
        ],
        SILVER_ITEMS.schema,
    )  # fmt: skip
    told = items.transform(items_as_of(D[3])).where("available").collect()
    assert sorted(r["item_id"] for r in told) == ["back", "in stock", "plain", "tomorrow"]


def test_a_catalogue_told_late_is_dated_back_to_the_first_event(spark: SparkSession) -> None:
    items = frame_of(
        spark,
        [("a", 1.0, D[2]), ("a", 2.0, D[4]), ("b", 3.0, D[2]), ("c", 4.0, D[2])],
        "item_id string, price double, ds date",
    )
    events = frame_of(
        spark, [("a", D[1]), ("a", D[0]), ("b", D[3]), (None, D[0])], "item_id string, ds date"
    )
    found = items.transform(since_first_event(events)).collect()
    assert sorted(map(tuple, found)) == [
        ("a", 1.0, D[0]), ("a", 2.0, D[4]), ("b", 3.0, D[2]), ("c", 4.0, D[2]),
    ]  # fmt: skip
