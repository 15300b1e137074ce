import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nightshelf.config import SimulateConfig
from nightshelf.simulate import frames
from nightshelf.simulate.truth import truth
from nightshelf.simulate.world import world

CONFIG = SimulateConfig(
    users=300, items=200, days=20, sessions_per_day=1.0, stockout_share=0.3, dirty_share=0.0
)


@pytest.fixture(scope="module")
def told(spark: SparkSession) -> dict[str, pd.DataFrame]:
    return {name: frame.toPandas() for name, frame in truth(spark, CONFIG, 3).items()}


def test_there_is_a_row_for_each_user_item_and_position(told: dict[str, pd.DataFrame]) -> None:
    assert {name: len(frame) for name, frame in told.items() if name != "demand"} == {
        "tastes": 300 * 12,
        "brand_tastes": 300 * 40,
        "users": 300,
        "items": 200,
        "click_curve": 10,
    }
    assert told["tastes"].groupby("user_id")["weight"].sum().to_numpy() == pytest.approx(1.0)
    assert told["click_curve"]["examination"].round(3).tolist()[:3] == [1.0, 0.66, 0.517]


def test_expected_sales_are_those_made(spark: SparkSession, told: dict[str, pd.DataFrame]) -> None:
    orders = frames.events(spark, CONFIG, 3).where("event = 'purchase' AND quantity > 0").count()
    expected = told["demand"]["sales"].sum()
    # Orders are a sum of independent draws, whose variance is below their mean.
    assert abs(orders - expected) < 4 * expected**0.5
    assert orders > 500


def test_stockouts_lose_their_share_of_demand(told: dict[str, pd.DataFrame]) -> None:
    demand = told["demand"]
    assert demand["lost"].sum() / demand["demand"].sum() == pytest.approx(0.3, abs=0.08)
    shop = world(CONFIG)
    day = (pd.to_datetime(demand["ds"]) - pd.Timestamp(CONFIG.start)).dt.days
    out = shop.stock[demand["item_id"].str[1:].astype(int), day] == 0
    assert (demand["sales"][out] == 0).all()
    assert (demand["lost"][out] == demand["demand"][out]).all()
    assert (demand["lost"][~out] == 0).all()
    assert demand["demand"][out].sum() > 0


def test_demand_does_not_depend_on_the_partitions_nor_on_stock(
    spark: SparkSession, told: dict[str, pd.DataFrame]
) -> None:
    seven = truth(spark, CONFIG, 7)["demand"].toPandas()
    keys = ["item_id", "ds"]
    first = told["demand"].sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(seven.sort_values(keys, ignore_index=True), first)


def test_full_shelves_sell_the_whole_demand(spark: SparkSession) -> None:
    full = CONFIG.model_copy(update={"stockout_share": 0.0, "users": 60})
    sums = truth(spark, full, 2)["demand"].agg(F.sum("lost"), F.max(F.expr("abs(sales - demand)")))
    assert tuple(sums.first() or ()) == (0.0, 0.0)
