"""What reviews say of items, day by day."""

from datetime import UTC, date, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession

from nightshelf.literals import frame_of
from nightshelf.text.reviews import PRAISE_LETTERS, opinions, praise

SCHEMA = (
    "review_id string, item_id string, ds date, review_ts timestamp, text string, "
    "sentiment double, aspects map<string, double>"
)


def march(day: int) -> date:
    return date(2026, 3, day)


@pytest.fixture(scope="module")
def said(spark: SparkSession) -> DataFrame:
    told = [
        ("a", 1, 9, "Bad.", 0.1, {"fit": 0.3}),
        ("a", 2, 9, "Good.", 0.9, {}),
        ("a", 2, 10, "Very\n good.", 1.0, {"fit": 0.7, "price": 0.4}),
        ("a", 5, 9, "Late praise.", 0.95, {}),
        ("b", 3, 9, "x" * 1_000, 0.85, {"other": 1.0}),
        ("c", 3, 9, "It is fine.", 0.5, {}),
    ]
    rows = [
        (f"r{n}", item, march(day), datetime(2026, 3, day, hour, tzinfo=UTC), *rest)
        for n, (item, day, hour, *rest) in enumerate(told)
    ]
    return frame_of(spark, rows, SCHEMA)


def test_means_begin_with_the_shops(said: DataFrame) -> None:
    found = said.transform(opinions(["fit", "price"], 0.6, 2.0)).collect()
    by = {(row["item_id"], row["ds"]): row for row in found}
    assert set(by) == {
        ("a", march(1)),
        ("a", march(2)),
        ("a", march(5)),
        ("b", march(3)),
        ("c", march(3)),
    }
    first, second, last = (by["a", march(day)] for day in (1, 2, 5))
    assert [first["reviews"], second["reviews"], last["reviews"]] == [1, 3, 4]
    assert first["sentiment"] == pytest.approx((0.1 + 1.2) / 3)
    assert second["sentiment"] == pytest.approx((2.0 + 1.2) / 5)
    assert last["sentiment"] == pytest.approx((2.95 + 1.2) / 6)
    assert first["aspect_fit"] == pytest.approx((0.3 + 1.2) / 3)
    assert first["aspect_price"] is None
    assert last["aspect_fit"] == second["aspect_fit"] == pytest.approx((1.0 + 1.2) / 4)
    assert second["aspect_price"] == pytest.approx((0.4 + 1.2) / 3)
    assert by["c", march(3)]["aspect_fit"] is None


def test_praise_is_the_earliest_and_stays(said: DataFrame) -> None:
    found = said.transform(praise(2)).collect()
    assert {(row["item_id"], row["ds"]): row["praise"] for row in found} == {
        ("a", march(2)): "Good.\nVery good.",
        ("b", march(3)): "x" * PRAISE_LETTERS,
    }
    one = said.transform(praise(3)).where("item_id = 'a'").collect()
    assert {row["ds"]: row["praise"] for row in one} == {
        march(2): "Good.\nVery good.",
        march(5): "Good.\nVery good.\nLate praise.",
    }
