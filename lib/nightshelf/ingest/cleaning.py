"""Judges each event: kept, or refused with a reason code."""

from collections.abc import Iterator
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import (
    DS,
    EVENT_TS,
    EVENT_TYPE,
    EVENT_TYPES,
    ITEM,
    POSITION,
    PRICE,
    PROPENSITY,
    QUANTITY,
    RATING,
    SESSION,
    SOURCE_ROW,
    USER,
    Transform,
)
from nightshelf.config import IngestConfig

REASON_CODE = "reason_code"
MAX_INT = 2**31 - 1

HARMLESS = frozenset({"duplicate", "return", "cancelled", "ignored_type"})
"""Reasons that say nothing against the source: they count towards no limit unless given one."""

UNDATED = frozenset({"malformed", "bad_time", "before_shop"})
"""Reasons of rows that may tell no day of the shop's: each night that reads them dates them."""


def in_window(since: date | None, until: date) -> Transform:
    """Leaves out rows of other nights: days before `since`, and later days of an all-time source.

    A later time in a file that is one day's delivery stays in, to be refused as `future`.
    """

    def transform(events: DataFrame) -> DataFrame:
        day = F.to_date(EVENT_TS)
        wanted = day.isNull() | (day <= F.lit(until)) | F.col("source_day").isNotNull()
        if since is not None:
            wanted = wanted & (_day(until) >= F.lit(since))
        return events.where(wanted)

    return transform


def _day(until: date) -> Column:
    """The day of an event; of its file where it tells none up to `until`; or `until`."""
    told = F.to_date(EVENT_TS)
    return F.coalesce(F.when(told <= F.lit(until), told), "source_day", F.lit(until))


def judged(config: IngestConfig, until: date) -> Transform:
    """[mapped events] -> typed events with `reason_code` (null: fine so far) and `ds`.

    Judges each row by itself, then exact duplicates and robots. `ds` is the event's day, its file's
    where it tells none up to `until`, or `until` where that is not the shop's. Adds `is_return`.
    """

    def transform(events: DataFrame) -> DataFrame:
        numbers = {
            QUANTITY: F.col(QUANTITY).try_cast("double"),
            PRICE: F.col(PRICE).try_cast("double"),
            RATING: F.col(RATING).try_cast("double"),
            POSITION: F.col(POSITION).try_cast("double"),
            PROPENSITY: F.col(PROPENSITY).try_cast("double"),
        }
        reason = F.coalesce(*(F.when(bad, F.lit(code)) for code, bad in _row_checks(config, until)))
        day = _day(until)
        is_return = (F.col(EVENT_TYPE) == "purchase") & (
            (F.col(QUANTITY) < 0) | F.col("is_cancellation")
        )
        return (
            events.withColumn("given", F.struct(*numbers))
            .withColumns(numbers)
            .withColumn(REASON_CODE, reason)
            .withColumn(DS, F.when(day.between(config.first_day, until), day).otherwise(until))
            .withColumn("is_return", F.coalesce(is_return, F.lit(False)))
            .transform(_without_duplicates)
            .transform(_without_robots(config.robot_daily_events))
        )

    return transform


def _row_checks(config: IngestConfig, until: date) -> Iterator[tuple[str, Column]]:
    """Reason codes with their conditions; the first that holds is the row's reason."""
    kind = F.col(EVENT_TYPE)
    day = F.to_date(EVENT_TS)
    yield "malformed", F.col("malformed")
    yield "missing_user", _blank(USER)
    yield "unknown_type", kind.isNull() | ~kind.isin(*EVENT_TYPES, "ignore")
    yield "ignored_type", kind == "ignore"
    yield "missing_item", _blank(ITEM) & (kind != "search")
    yield "bad_time", day.isNull()
    yield "before_shop", day < F.lit(config.first_day)
    yield "future", day > F.lit(until)
    yield "non_product", ~F.col("is_product") & (kind != "search")
    quantity, price = F.col(QUANTITY), F.col(PRICE)
    yield (
        "bad_quantity",
        _not_a_number(QUANTITY)
        | (quantity == 0)
        | (F.abs(quantity) > MAX_INT)
        | (quantity != F.floor(quantity))
        | ((quantity < 0) & (kind != "purchase")),
    )
    yield "bad_price", _not_a_number(PRICE) | (price < 0) | (price > config.max_price)
    yield "bad_rating", _not_a_number(RATING) | ((kind == "rating") & F.col(RATING).isNull())
    position = F.col(POSITION)
    yield (
        "bad_position",
        _not_a_number(POSITION)
        | (position < 1)
        | (position > MAX_INT)
        | (position != F.floor(position)),
    )
    propensity = F.col(PROPENSITY)
    yield "bad_propensity", _not_a_number(PROPENSITY) | (propensity <= 0) | (propensity > 1)


def _blank(name: str) -> Column:
    return F.col(name).isNull() | (F.trim(F.col(name)) == "")


def _not_a_number(name: str) -> Column:
    """Given, but not a finite number: NaN, which Spark sorts above all numbers, is none either."""
    given, number = F.col(f"given.{name}"), F.col(name)
    filled = given.isNotNull() & (F.trim(given) != "")
    finite = number.isNotNull() & ~F.isnan(number) & (F.abs(number) != float("inf"))
    return filled & ~F.coalesce(finite, F.lit(False))


def _without_duplicates(events: DataFrame) -> DataFrame:
    copies = Window.partitionBy(SOURCE_ROW, F.col(REASON_CODE).isNull()).orderBy("source_file")
    repeated = F.col(REASON_CODE).isNull() & (F.col("copy") > 1)
    return (
        events.withColumn("copy", F.row_number().over(copies))
        .withColumn(REASON_CODE, F.when(repeated, "duplicate").otherwise(F.col(REASON_CODE)))
        .drop("copy")
    )


def _without_robots(daily_events: int) -> Transform:
    """A user with more acts a day than a person has is a robot on that day."""

    def transform(events: DataFrame) -> DataFrame:
        acts = F.col(REASON_CODE).isNull() & (F.col(EVENT_TYPE) != "impression")
        that_day = Window.partitionBy(USER, DS)
        robot = F.col(REASON_CODE).isNull() & (F.count_if(acts).over(that_day) > daily_events)
        return events.withColumn(REASON_CODE, F.when(robot, "robot").otherwise(F.col(REASON_CODE)))

    return transform


def with_sessions(gap_minutes: int) -> Transform:
    """Fills `session_id` where the source has none: a longer pause, or midnight, starts a new one.

    The id is the user's and the second in which the session began.
    """

    def transform(events: DataFrame) -> DataFrame:
        own = events.where(F.col(SESSION).isNotNull())
        ordered = Window.partitionBy(USER, DS).orderBy(EVENT_TS, SOURCE_ROW)
        pause = F.col(EVENT_TS).cast("double") - F.lag(EVENT_TS).over(ordered).cast("double")
        starts = F.when(F.coalesce(pause > gap_minutes * 60, F.lit(True)), F.col(EVENT_TS))
        began = F.last(starts, ignorenulls=True).over(ordered).cast("bigint").cast("string")
        found = events.where(F.col(SESSION).isNull()).withColumn(
            SESSION, F.concat_ws("@", F.col(USER), began)
        )
        return own.unionByName(found)

    return transform
