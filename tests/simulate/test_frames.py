from collections.abc import Callable
from datetime import date

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.config import SimulateConfig
from nightshelf.simulate import frames
from nightshelf.simulate.world import world

CONFIG = SimulateConfig(users=70, items=200, days=10, sessions_per_day=10.0, stockout_share=0.1)


def _digest(frame: DataFrame) -> tuple[object, ...]:
    """What two frames share if they hold the same rows, each as often, in whatever order."""
    row = F.xxhash64(*frame.columns)
    sums = frame.agg(F.count("*"), F.sum(row.cast("decimal(38,0)")), F.bit_xor(row))
    return tuple(sums.first() or ())


@pytest.mark.parametrize("name", ["events", pytest.param("reviews", marks=pytest.mark.long)])
def test_rows_do_not_depend_on_the_partitions(spark: SparkSession, name: str) -> None:
    make: Callable[[SparkSession, SimulateConfig, int], DataFrame] = getattr(frames, name)
    one, three, seven = (_digest(make(spark, CONFIG, count)) for count in (1, 3, 7))
    assert one == three == seven
    assert make(spark, CONFIG, 7).rdd.getNumPartitions() == 7
    other = CONFIG.model_copy(update={"seed": 8})
    assert _digest(make(spark, other, 3)) != three


def test_items_tell_every_change_once(spark: SparkSession) -> None:
    told = frames.items(spark, CONFIG).toPandas()
    assert not told.duplicated(["item_id", "valid_from"]).any()
    told["item"] = told["item_id"].str[1:].astype(int)
    assert set(told["item"]) == set(range(200))
    told["day"] = [(day - CONFIG.start).days for day in told["valid_from"]]
    shop = world(CONFIG)
    for item, changes in told.groupby("item"):
        own = changes.set_index("day").sort_index()
        first = max(0, int(shop.launch[item]))
        assert own.index[0] == first
        state = own.reindex(range(first, CONFIG.days), method="ffill")
        assert (state["price"].to_numpy() == shop.price[item, first:]).all()
        assert ((state["stock"] == 0).to_numpy() == (shop.stock[item, first:] == 0)).all()
        gone = [day >= shop.delisted[item] for day in state.index]
        assert state["delisted"].tolist() == gone
    assert len(told) > 210


def test_items_launch_over_years_and_have_their_words(spark: SparkSession) -> None:
    told = frames.items(spark, CONFIG).toPandas()
    assert told["launch_date"].min() < date(2024, 6, 1)
    assert told["launch_date"].max() >= date(2026, 1, 1)
    assert told.notna().all().all()


def test_users_have_one_row_each(spark: SparkSession) -> None:
    told = frames.users(spark, CONFIG).toPandas()
    assert sorted(told["user_id"]) == sorted(f"u{n}" for n in range(70))
    assert told["signup_date"].min() < CONFIG.start <= told["signup_date"].max()
    log = frames.events(spark, CONFIG, 2).select("user_id", "device").distinct().dropna()
    both = pd.merge(told, log.toPandas(), on="user_id", suffixes=("", "_log"))
    assert (both["device"] == both["device_log"]).all()


def test_events_partition_by_day_when_written(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("shop") / "events"
    small = CONFIG.model_copy(update={"users": 5})
    frames.events(spark, small, 2).write.partitionBy("ds").parquet(str(folder))
    days = sorted(path.name for path in folder.glob("ds=*"))
    assert days == [f"ds=2026-01-{day:02}" for day in range(1, 11)]
    assert spark.read.parquet(str(folder)).count() == frames.events(spark, small, 1).count()
