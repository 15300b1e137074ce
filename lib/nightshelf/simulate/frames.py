"""What the simulated shop delivers, as Spark frames.

Rows come from blocks of users, each made by the seed and its number alone, so that they are the
same whatever the number of partitions.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from nightshelf.config import SimulateConfig
from nightshelf.simulate import rows, shoppers, words
from nightshelf.simulate.world import generator, world

ITEM_CHUNK = 1_000


def events(spark: SparkSession, config: SimulateConfig, partitions: int) -> DataFrame:
    """The shop's log, as `rows.EVENTS` tells; one row an event."""
    return by_block(spark, config, partitions, rows.EVENTS, lambda b: rows.events(config, b))


def items(spark: SparkSession, config: SimulateConfig) -> DataFrame:
    """One row an (item, day on which its price, stock or standing changed)."""
    schema = pa.schema(
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
    chunks = -(-config.items // ITEM_CHUNK)
    return by_number(spark, chunks, chunks, schema, lambda c: _item_rows(config, c, schema))


def _item_rows(config: SimulateConfig, chunk: int, schema: pa.Schema) -> pa.Table:
    shop = world(config)
    first, last = chunk * ITEM_CHUNK, min((chunk + 1) * ITEM_CHUNK, config.items)
    told = []
    for item in range(first, last):
        out = shop.stock[item] == 0
        gone = np.arange(config.days) >= shop.delisted[item]
        state = np.stack([shop.price[item], out, gone])
        changed = np.append(True, (state[:, 1:] != state[:, :-1]).any(axis=0))
        title, category = shop.title(item), shop.categories[shop.category[item]]
        told += [
            {
                "item_id": f"i{item}",
                "valid_from": config.start + timedelta(days=int(day)),
                "title": title,
                "description": f"{title}. From our {category.rpartition(' > ')[2].lower()} range.",
                "category": category,
                "brand": shop.brands[shop.brand[item]],
                "price": float(shop.price[item, day]),
                "stock": int(shop.stock[item, day]),
                "launch_date": config.start + timedelta(days=int(shop.launch[item])),
                "delisted": bool(gone[day]),
            }
            for day in np.flatnonzero(changed)
        ]
    return pa.Table.from_pylist(told, schema=schema)


def users(spark: SparkSession, config: SimulateConfig) -> DataFrame:
    """[user_id, signup_date, device, country]."""
    schema = pa.schema(
        [
            ("user_id", pa.string()),
            ("signup_date", pa.date32()),
            ("device", pa.string()),
            ("country", pa.string()),
        ]
    )

    def block_rows(block: int) -> pa.Table:
        ids = shoppers.users(config, world(config), block).ids
        rng = generator(config, "signup", block)
        ago = rng.integers(0, 900, len(ids))
        return pa.table(
            {
                "user_id": [f"u{user}" for user in ids],
                "signup_date": [config.start - timedelta(days=int(days)) for days in ago],
                "device": rng.choice(["phone", "desktop", "tablet"], len(ids), p=[0.6, 0.3, 0.1]),
                "country": rng.choice(["GB", "DE", "FR", "PL"], len(ids), p=[0.4, 0.3, 0.2, 0.1]),
            },
            schema=schema,
        )

    return by_block(spark, config, 1, schema, block_rows)


def reviews(spark: SparkSession, config: SimulateConfig) -> DataFrame:
    """[user_id, item_id, ts, rating, text]; the text says what the rating says."""
    schema = pa.schema(
        [
            ("user_id", pa.string()),
            ("item_id", pa.string()),
            ("ts", pa.string()),
            ("rating", pa.float64()),
            ("text", pa.string()),
        ]
    )

    def block_rows(block: int) -> pa.Table:
        log = rows.block_log(config, block)
        rated = rows.log_table(config, block, log.take(log.kind == rows.RATING))
        rng = generator(config, "reviews", block)
        stars = rated["rating"].to_numpy()
        pools = np.where(stars >= 4, 0, np.where(stars <= 2, 1, 2))
        pick = rng.integers(0, 12, len(stars))
        texts = (words.PRAISE, words.BLAME, words.SHRUGS)
        told = [texts[pool][n % len(texts[pool])] for pool, n in zip(pools, pick, strict=True)]
        kept = rated.select(["user_id", "item_id", "ts", "rating"])
        return kept.append_column("text", pa.array(told, pa.string()))

    return by_block(spark, config, 2, schema, block_rows)


def by_block(
    spark: SparkSession,
    config: SimulateConfig,
    partitions: int,
    schema: pa.Schema,
    make: Callable[[int], pa.Table],
) -> DataFrame:
    """A frame of what `make` gives for each block of users."""
    blocks = -(-config.users // shoppers.BLOCK_USERS)
    return by_number(spark, blocks, min(partitions, blocks), schema, make)


def by_number(
    spark: SparkSession,
    count: int,
    partitions: int,
    schema: pa.Schema,
    make: Callable[[int], pa.Table],
) -> DataFrame:
    """A frame of `make(0)` to `make(count - 1)`, each made on an executor."""

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column("id").to_pylist():
                yield from make(number).to_batches(max_chunksize=50_000)

    return spark.range(0, count, 1, partitions).mapInArrow(task, from_arrow_schema(schema))
