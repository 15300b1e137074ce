"""The truth behind the simulated shop, which nobody in the shop can see."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.config import SimulateConfig
from nightshelf.exact import exact_sum
from nightshelf.simulate import shoppers
from nightshelf.simulate.frames import by_block, by_number
from nightshelf.simulate.world import EXAMINATION, POSITIONS, world


def truth(spark: SparkSession, config: SimulateConfig, partitions: int) -> dict[str, DataFrame]:
    """The frames of the truth, by name.

    tastes: [user_id, category, weight], weights of a user sum to 1. users: [user_id,
    price_sensitivity, activity, robot_day]. items: [item_id, quality, elasticity]. click_curve:
    [position, examination]. demand: [item_id, ds, demand, lost]: purchases expected had there been
    stock, and the part of them that stockouts took.
    """
    return {
        "tastes": _tastes(spark, config),
        "users": _traits(spark, config),
        "items": _worth(spark, config),
        "click_curve": spark.createDataFrame(
            [(p + 1, float(EXAMINATION[p])) for p in range(POSITIONS)],
            "position int, examination double",
        ),
        "demand": _demand(spark, config, partitions),
    }


def _tastes(spark: SparkSession, config: SimulateConfig) -> DataFrame:
    schema = pa.schema(
        [("user_id", pa.string()), ("category", pa.string()), ("weight", pa.float64())]
    )

    def block_rows(block: int) -> pa.Table:
        shop = world(config)
        people = shoppers.users(config, shop, block)
        count = len(shop.categories)
        return pa.table(
            {
                "user_id": np.repeat([f"u{user}" for user in people.ids], count),
                "category": np.tile(shop.categories, len(people.ids)),
                "weight": people.tastes.ravel(),
            },
            schema=schema,
        )

    return by_block(spark, config, 1, schema, block_rows)


def _traits(spark: SparkSession, config: SimulateConfig) -> DataFrame:
    schema = pa.schema(
        [
            ("user_id", pa.string()),
            ("price_sensitivity", pa.float64()),
            ("activity", pa.float64()),
            ("robot_day", pa.date32()),
        ]
    )

    def block_rows(block: int) -> pa.Table:
        people = shoppers.users(config, world(config), block)
        robot_days = [
            config.start + timedelta(days=int(day)) if day >= 0 else None
            for day in people.robot_day
        ]
        return pa.table(
            {
                "user_id": [f"u{user}" for user in people.ids],
                "price_sensitivity": people.price_sensitivity,
                "activity": people.activity,
                "robot_day": robot_days,
            },
            schema=schema,
        )

    return by_block(spark, config, 1, schema, block_rows)


def _worth(spark: SparkSession, config: SimulateConfig) -> DataFrame:
    schema = pa.schema(
        [("item_id", pa.string()), ("quality", pa.float64()), ("elasticity", pa.float64())]
    )

    def all_rows(_: int) -> pa.Table:
        shop = world(config)
        ids = [f"i{item}" for item in range(config.items)]
        return pa.table(
            {"item_id": ids, "quality": shop.quality, "elasticity": shop.elasticity}, schema=schema
        )

    return by_number(spark, 1, 1, schema, all_rows)


def _demand(spark: SparkSession, config: SimulateConfig, partitions: int) -> DataFrame:
    schema = pa.schema(
        [
            ("item_id", pa.string()),
            ("ds", pa.date32()),
            ("wish", pa.float64()),
            ("missed", pa.float64()),
        ]
    )

    def block_rows(block: int) -> pa.Table:
        shop = world(config)
        people = shoppers.users(config, shop, block)
        seen = shoppers.pages(config, shop, people, block)
        wish = shoppers.acts(config, shop, people, seen, block).wish
        cell = seen.items * config.days + seen.day[:, None]
        cells, places = np.unique(cell[seen.wanted], return_inverse=True)
        wished = np.bincount(places, wish[seen.wanted], len(cells))
        day = cells % config.days
        out = shop.stock[cells // config.days, day] == 0
        return pa.table(
            {
                "item_id": [f"i{item}" for item in cells // config.days],
                "ds": [config.start + timedelta(days=int(d)) for d in day],
                "wish": wished,
                "missed": np.where(out, wished, 0.0),
            },
            schema=schema,
        )

    return (
        by_block(spark, config, partitions, schema, block_rows)
        .groupBy("item_id", "ds")
        .agg(exact_sum(F.col("wish")).alias("demand"), exact_sum(F.col("missed")).alias("lost"))
    )
