"""Takes returns and cancellations off the purchases that they cancel."""

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from nightshelf.columns import EVENT_TS, EVENT_TYPE, ITEM, QUANTITY, SOURCE_ROW, USER, Transform
from nightshelf.ingest.cleaning import REASON_CODE


def without_returns(events: DataFrame) -> DataFrame:
    """[judged events] -> the same rows; purchases lessened, returns and the cancelled refused.

    A return takes its quantity off the newest earlier purchases of the same user and item. A
    purchase of which nothing is left is refused as `cancelled`, a return as `return`, or as
    `return_unmatched` where there was nothing to take it off. A missing quantity counts as 1.

    The running balance that never falls below zero is Lindley's recursion, W = max(0, W + x), whose
    closed form S - min(0, running minimum of S) needs only sums over a window.
    """
    traded = F.col(REASON_CODE).isNull() & (F.col(EVENT_TYPE) == "purchase")
    trades = events.where(traded).withColumn(
        "amount", F.abs(F.coalesce(F.col(QUANTITY), F.lit(1.0))).cast("bigint")
    )
    pair = Window.partitionBy(USER, ITEM)
    forward = pair.orderBy(F.asc(EVENT_TS), F.asc("is_return"), F.asc(SOURCE_ROW))
    backward = pair.orderBy(F.desc(EVENT_TS), F.desc("is_return"), F.desc(SOURCE_ROW))
    returned = F.col("is_return")
    signed = F.when(returned, F.col("amount")).otherwise(-F.col("amount"))
    # What a step takes off the balance is what it cancels, or what cancels it.
    settled = trades.transform(_fall("bought_before", -signed, forward)).transform(
        _fall("returned_after", signed, backward)
    )
    left = F.col("amount") - F.col("returned_after")
    reason = (
        F.when(returned & (F.col("bought_before") > 0), "return")
        .when(returned, "return_unmatched")
        .when(left <= 0, "cancelled")
    )
    kept = F.col("is_return") | (left <= 0) | F.col(QUANTITY).isNull()
    judged = settled.withColumn(REASON_CODE, reason).withColumn(
        QUANTITY, F.when(kept, F.col(QUANTITY)).otherwise(left.cast("double"))
    )
    return events.where(~traded).unionByName(judged.select(*events.columns))


def _fall(name: str, change: Column, order: WindowSpec) -> Transform:
    """Adds `name`: by how much the balance of `change` falls at this row, 0 where it rises."""

    def transform(trades: DataFrame) -> DataFrame:
        level = F.col("sum") - F.least(F.lit(0), F.min("sum").over(order))
        fall = F.lag("level", 1, 0).over(order) - F.col("level")
        return (
            trades.withColumn("sum", F.sum(change).over(order))
            .withColumn("level", level)
            .withColumn(name, F.greatest(F.lit(0), fall))
            .drop("sum", "level")
        )

    return transform
