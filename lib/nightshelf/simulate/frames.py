"""What the simulated shop delivers, as Spark frames; the truth behind it is in `truth`.

Rows come from blocks of users, each made by the seed and its number alone, so that they are the
same whatever the number of partitions.
"""

from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from nightshelf.config import SimulateConfig
from nightshelf.simulate import rows, shoppers
from nightshelf.simulate.blocks import as_dates, by_block, by_number
from nightshelf.simulate.world import Ints, World, world

ITEM_CHUNK: Final = 1_000
ITEMS: Final = pa.schema(
    [
        ("item_id", pa.string()),
        ("valid_from", pa.date32()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("price", pa.float64()),
        ("stock", pa.int32()),
        ("launch_date", pa.date32()),
        ("delisted", pa.bool_()),
    ]
)
USERS: Final = pa.schema(
    [
        ("user_id", pa.string()),
        ("signup_date", pa.date32()),
        ("device", pa.string()),
        ("country", pa.string()),
    ]
)


def events(spark: SparkSession, config: SimulateConfig, partitions: int) -> DataFrame:
    """The shop's log, as `rows.EVENTS` tells; one row an event."""
    return by_block(spark, config, partitions, rows.EVENTS, lambda b: rows.events(config, b))


def reviews(spark: SparkSession, config: SimulateConfig, partitions: int = 2) -> DataFrame:
    """[user_id, item_id, ts, rating, text]; one row a rating; the text says what the stars say."""
    return by_block(spark, config, partitions, rows.REVIEWS, lambda b: rows.reviews(config, b))


def items(spark: SparkSession, config: SimulateConfig) -> DataFrame:
    """One row an (item, day on which its price, stock or standing changed), from its launch on."""
    chunks = -(-config.items // ITEM_CHUNK)
    return by_number(spark, chunks, chunks, ITEMS, lambda chunk: _item_rows(config, chunk))


def users(spark: SparkSession, config: SimulateConfig) -> DataFrame:
    """[user_id, signup_date, device, country]; one row a user."""

    def block_rows(block: int) -> pa.Table:
        people = shoppers.users(config, world(config), block)
        return pa.table(
            {
                "user_id": [f"u{user}" for user in people.ids],
                "signup_date": as_dates(config, people.signup_day),
                "device": pa.array(shoppers.DEVICES).take(pa.array(people.device)),
                "country": pa.array(shoppers.COUNTRIES).take(pa.array(people.country)),
            },
            schema=USERS,
        )

    return by_block(spark, config, 1, USERS, block_rows)


def _item_rows(config: SimulateConfig, chunk: int) -> pa.Table:
    shop = world(config)
    first, last = chunk * ITEM_CHUNK, min((chunk + 1) * ITEM_CHUNK, config.items)
    days = [_changes(shop, item) for item in range(first, last)]
    item = np.repeat(np.arange(first, last), [len(own) for own in days])
    day = np.concatenate(days)
    return pa.table(
        {
            "item_id": [f"i{i}" for i in item],
            "valid_from": as_dates(config, day),
            "title": [shop.title(i) for i in item],
            "description": [shop.description(i) for i in item],
            "category": [shop.categories[c] for c in shop.category[item]],
            "brand": [shop.brands[b] for b in shop.brand[item]],
            "price": shop.price[item, day],
            "stock": shop.stock[item, day].astype(np.int32),
            "launch_date": as_dates(config, shop.launch[item]),
            "delisted": day >= shop.delisted[item],
        },
        schema=ITEMS,
    )


def _changes(shop: World, item: int) -> Ints:
    """Days on which something about an item changes; the first is the first on which it is sold."""
    day = np.arange(max(0, int(shop.launch[item])), shop.price.shape[1])
    price, out = shop.price[item, day], shop.stock[item, day] == 0
    state = np.stack([price, out, day >= shop.delisted[item]])
    changed = np.append(True, (state[:, 1:] != state[:, :-1]).any(axis=0))
    return np.asarray(day[changed])
