"""What nobody in the shop can see: what its log was made from."""

from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.config import SimulateConfig
from nightshelf.exact import exact_sum
from nightshelf.literals import frame_of
from nightshelf.simulate import shoppers
from nightshelf.simulate.blocks import as_dates, by_block, by_number
from nightshelf.simulate.world import EXAMINATION, POSITIONS, Floats, world

TASTES: Final = pa.schema(
    [("user_id", pa.string()), ("category", pa.string()), ("weight", pa.float64())]
)
BRAND_TASTES: Final = pa.schema(
    [("user_id", pa.string()), ("brand", pa.string()), ("utility", pa.float64())]
)
TRAITS: Final = pa.schema(
    [
        ("user_id", pa.string()),
        ("price_sensitivity", pa.float64()),
        ("activity", pa.float64()),
        ("robot_day", pa.date32()),
    ]
)
WORTH: Final = pa.schema(
    [("item_id", pa.string()), ("quality", pa.float64()), ("elasticity", pa.float64())]
)
CELLS: Final = pa.schema(
    [
        ("item_id", pa.string()),
        ("ds", pa.date32()),
        ("wish", pa.float64()),
        ("missed", pa.float64()),
        ("sold", pa.float64()),
    ]
)


def truth(spark: SparkSession, config: SimulateConfig, partitions: int) -> dict[str, DataFrame]:
    """The frames of the truth, by name.

    tastes: [user_id, category, weight], weights of a user sum to 1. brand_tastes: [user_id, brand,
    utility], normal with mean 0. users: [user_id, price_sensitivity, activity, robot_day], a person
    has no robot_day. items: [item_id, quality, elasticity], what price sensitivities are multiplied
    by. click_curve: [position, examination], the probability of a look. demand: [item_id, ds,
    demand, lost, sales], expected orders had everything been in stock, the part of them that fell
    on days without stock, and expected orders as the stock was.
    """
    return {
        "tastes": _tastes(spark, config, partitions),
        "brand_tastes": _brand_tastes(spark, config, partitions),
        "users": _traits(spark, config),
        "items": _worth(spark, config),
        "click_curve": frame_of(
            spark,
            [(p + 1, float(EXAMINATION[p])) for p in range(POSITIONS)],
            "position int, examination double",
        ),
        "demand": _demand(spark, config, partitions),
    }


def _tastes(spark: SparkSession, config: SimulateConfig, partitions: int) -> DataFrame:
    def block_rows(block: int) -> pa.Table:
        shop = world(config)
        people = shoppers.users(config, shop, block)
        return _long(TASTES, people, shop.categories, people.tastes)

    return by_block(spark, config, partitions, TASTES, block_rows)


def _brand_tastes(spark: SparkSession, config: SimulateConfig, partitions: int) -> DataFrame:
    def block_rows(block: int) -> pa.Table:
        shop = world(config)
        people = shoppers.users(config, shop, block)
        return _long(BRAND_TASTES, people, shop.brands, people.brand_tastes)

    return by_block(spark, config, partitions, BRAND_TASTES, block_rows)


def _long(
    schema: pa.Schema, people: shoppers.Users, names: tuple[str, ...], values: Floats
) -> pa.Table:
    """(U, N) values -> one row a (user, name)."""
    ids = pa.array([f"u{user}" for user in people.ids])
    user, name = np.divmod(np.arange(values.size), len(names))
    columns = [ids.take(pa.array(user)), pa.array(names).take(pa.array(name)), values.ravel()]
    return pa.table(columns, schema=schema)


def _traits(spark: SparkSession, config: SimulateConfig) -> DataFrame:
    def block_rows(block: int) -> pa.Table:
        people = shoppers.users(config, world(config), block)
        return pa.table(
            {
                "user_id": [f"u{user}" for user in people.ids],
                "price_sensitivity": people.price_sensitivity,
                "activity": people.activity,
                "robot_day": as_dates(config, people.robot_day, unknown=True),
            },
            schema=TRAITS,
        )

    return by_block(spark, config, 1, TRAITS, block_rows)


def _worth(spark: SparkSession, config: SimulateConfig) -> DataFrame:
    def all_rows(_: int) -> pa.Table:
        shop = world(config)
        ids = [f"i{item}" for item in range(config.items)]
        return pa.table([ids, shop.quality, shop.elasticity], schema=WORTH)

    return by_number(spark, 1, 1, WORTH, all_rows)


def _demand(spark: SparkSession, config: SimulateConfig, partitions: int) -> DataFrame:
    def block_rows(block: int) -> pa.Table:
        shop = world(config)
        people = shoppers.users(config, shop, block)
        seen = shoppers.pages(config, shop, people, block)
        did = shoppers.acts(config, shop, people, seen, block)
        # A place that only a stockout opened counts for sales, not for demand.
        shown = (seen.full_position > 0) | (seen.position > 0)
        cell = (seen.items * config.days + seen.day[:, None])[shown]
        cells, places = np.unique(cell, return_inverse=True)
        item, day = np.divmod(cells, config.days)
        wish = np.bincount(places, did.demand[shown], len(cells))
        return pa.table(
            {
                "item_id": [f"i{i}" for i in item],
                "ds": as_dates(config, day),
                "wish": wish,
                "missed": np.where(shop.stock[item, day] == 0, wish, 0.0),
                "sold": np.bincount(places, did.sales[shown], len(cells)),
            },
            schema=CELLS,
        )

    names = {"demand": "wish", "lost": "missed", "sales": "sold"}
    return (
        by_block(spark, config, partitions, CELLS, block_rows)
        .groupBy("item_id", "ds")
        .agg(*(exact_sum(F.col(column)).alias(name) for name, column in names.items()))
    )
