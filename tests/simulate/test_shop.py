"""The simulated shop: the same from the same seed, and its truth recoverable."""

import itertools
from datetime import date

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.config import SimulateConfig
from nightshelf.simulate import frames
from nightshelf.simulate.truth import truth
from nightshelf.simulate.world import EXAMINATION, world
from nightshelf.tables.digest import digest

SHOP = SimulateConfig(users=600, items=300, days=14, sessions_per_day=0.5)


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    return frames.events(spark, SHOP, 3).cache()


def test_the_same_rows_whatever_the_parallelism(spark: SparkSession, events: DataFrame) -> None:
    assert digest(frames.events(spark, SHOP, 1)) == digest(events)
    other = SHOP.model_copy(update={"seed": 8})
    assert digest(frames.events(spark, other, 1)) != digest(events)


def test_users_click_most_in_the_category_they_love_most(
    spark: SparkSession, events: DataFrame
) -> None:
    hidden = truth(spark, SHOP, 2)
    loved = hidden["tastes"].groupBy("user_id").agg(F.max_by("category", "weight").alias("loved"))
    people = hidden["users"].where("robot_day IS NULL").select("user_id")
    clicks = (
        events.where("event = 'click'")
        .join(frames.items(spark, SHOP).select("item_id", "category").distinct(), "item_id")
        .groupBy("user_id", "category")
        .count()
        .groupBy("user_id")
        .agg(F.max_by("category", "count").alias("clicked"), F.sum("count").alias("clicks"))
        .where("clicks >= 10")
    )
    agree = (
        clicks.join(people, "user_id")
        .join(loved, "user_id")
        .agg(F.avg((F.col("loved") == F.col("clicked")).cast("double")), F.count("*"))
    )
    share, users = agree.collect()[0]
    assert users > 100
    assert share > 0.65


def test_clicks_fall_with_position_as_the_curve_says(events: DataFrame) -> None:
    shown = events.where("event IN ('impression', 'click') AND position > 0")
    rows = shown.groupBy("position").agg(
        (F.count_if(F.col("event") == "click") / F.count_if(F.col("event") == "impression")).alias(
            "rate"
        )
    )
    rate = {r["position"]: r["rate"] for r in rows.collect()}
    relative = np.array([rate[p] for p in range(1, 9)]) / rate[1]
    assert relative == pytest.approx(EXAMINATION[:8], rel=0.2)


def test_nothing_is_bought_while_out_of_stock(events: DataFrame) -> None:
    shop = world(SHOP)
    bought = events.where("event = 'purchase' AND quantity > 0 AND item_id <> ''").collect()
    assert len(bought) > 300
    for row in bought:
        day = (row["ds"] - SHOP.start).days
        assert shop.stock[int(row["item_id"][1:]), day] > 0
    out = (shop.stock == 0).mean()
    assert 0.5 * SHOP.stockout_share < out < 2 * SHOP.stockout_share


def test_dirt_and_robots_come_at_their_rates(spark: SparkSession) -> None:
    config = SHOP.model_copy(update={"robot_share": 0.01, "dirty_share": 0.05})
    rows = frames.events(spark, config, 2).cache()
    total, odd = rows.agg(
        F.count("*"), F.count_if((F.col("event") == "hover") | (F.col("ts") == "yesterday"))
    ).collect()[0]
    assert odd / total == pytest.approx(0.05 * 2 / 10, rel=0.2)
    robots = rows.groupBy("user_id", "ds").count().where("count > 2000").count()
    planted = truth(spark, config, 2)["users"].where("robot_day IS NOT NULL").count()
    assert robots == planted > 0
    clean = frames.events(spark, SHOP.model_copy(update={"dirty_share": 0.0}), 2)
    assert clean.where("event = 'hover' OR user_id IS NULL").isEmpty()


def test_demand_is_lost_only_where_stock_is_out(spark: SparkSession, events: DataFrame) -> None:
    demand = truth(spark, SHOP, 2)["demand"].cache()
    shop = world(SHOP)
    for row in demand.collect():
        out = shop.stock[int(row["item_id"][1:]), (row["ds"] - SHOP.start).days] == 0
        assert row["lost"] == (row["demand"] if out else 0.0)
    met = demand.agg(F.sum("demand") - F.sum("lost")).collect()[0][0]
    bought = events.where("event = 'purchase' AND quantity > 0").count()
    assert bought == pytest.approx(met, rel=0.15)


def test_items_tell_each_change_once(spark: SparkSession) -> None:
    rows = frames.items(spark, SHOP).orderBy("item_id", "valid_from").collect()
    assert len({r["item_id"] for r in rows}) == SHOP.items
    assert min(r["valid_from"] for r in rows) == date(2026, 1, 1)
    for before, after in itertools.pairwise(rows):
        if before["item_id"] == after["item_id"]:
            same = [before[c] for c in ("price", "delisted")] == [
                after[c] for c in ("price", "delisted")
            ]
            assert not same or (before["stock"] == 0) != (after["stock"] == 0)


def test_reviews_say_what_the_stars_say(spark: SparkSession) -> None:
    told = frames.reviews(spark, SHOP).collect()
    assert len(told) > 50
    for review in told:
        if review["rating"] <= 2:
            assert review["text"] not in ("Very happy with it.", "Lovely quality.")
        if review["rating"] >= 4:
            assert review["text"] not in ("Disappointing.", "It is fine.")
