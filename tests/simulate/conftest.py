"""One small shop, made once without Spark: its log, and the arrays behind it."""

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pytest

from nightshelf.config import SimulateConfig
from nightshelf.simulate import rows, shoppers
from nightshelf.simulate.world import World, world


@dataclass(frozen=True)
class Shop:
    config: SimulateConfig
    world: World
    log: pd.DataFrame  # all rows, dirt included; `day` counts from the first
    people: list[shoppers.Users]


@pytest.fixture(scope="session")
def shop() -> Shop:
    config = SimulateConfig(
        users=1_000, items=600, days=28, sessions_per_day=0.4, robot_share=0.01, stockout_share=0.1
    )
    blocks = range(shoppers.blocks(config))
    log = pa.concat_tables([rows.events(config, block) for block in blocks]).to_pandas()
    log["day"] = (pd.to_datetime(log["ds"]) - pd.Timestamp(config.start)).dt.days
    people = [shoppers.users(config, world(config), block) for block in blocks]
    return Shop(config, world(config), log, people)


@pytest.fixture(scope="session")
def clean(shop: Shop) -> pd.DataFrame:
    """The log of persons without its spoilt rows and exact repeats; items by their number."""
    log = shop.log.drop_duplicates()
    ts = pd.to_numeric(log["ts"], errors="coerce")
    in_time = ts.between(1.7e12, 1.8e12)
    priced = log["price"].isna() | log["price"].between(0, 1e6)
    real = log["user_id"].notna() & (log["item_id"] != "") & (log["event"] != "hover")
    robots = [f"u{u}" for p in shop.people for u in p.ids[p.robot_day >= 0]]
    kept = log[in_time & priced & real & ~log["user_id"].isin(robots)]
    # A spoilt NaN price looks like none; the good copy of the row has one.
    needs_price = kept["event"].isin(["impression", "click", "cart", "purchase"])
    kept = kept[~needs_price | kept["price"].notna()]
    return kept.assign(item=pd.to_numeric(kept["item_id"].str[1:]).fillna(-1).astype(int))
