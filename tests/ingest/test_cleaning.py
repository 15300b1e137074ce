"""Each kind of bad row gets its reason code; good rows come out typed."""

from datetime import date, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.config import EventSource, IngestConfig
from nightshelf.ingest.cleaning import in_window, judged, with_sessions
from nightshelf.ingest.mapping import mapped_events
from nightshelf.ingest.returns import without_returns
from nightshelf.literals import frame_of

DS = date(2026, 11, 24)
NOON = "2026-11-24 12:00:00"
NAMES = ("user", "item", "type", "at", "quantity", "price", "rating", "position", "propensity")
SOURCE = EventSource(
    format="csv",
    path="log-{ds}.csv",
    columns={
        "user_id": "user", "item_id": "item", "event_type": "type", "event_ts": "at",
        "quantity": "quantity", "price": "price", "rating": "rating", "position": "position",
        "propensity": "propensity",
    },
    event_types={
        "view": "view", "buy": "purchase", "stars": "rating", "find": "search", "x": "ignore",
    },
    item_id_pattern="^[0-9]+$",
    cancellation_prefix=None,
)  # fmt: skip


def raw(spark: SparkSession, *rows: dict[str, str | None]) -> DataFrame:
    good = {"user": "u", "item": "1", "type": "view", "at": NOON}
    full = [tuple({**good, **row}.get(name) for name in NAMES) for row in rows]
    schema = ", ".join(f"{name} string" for name in NAMES)
    told = {"_source_file": F.lit("log.csv"), "_source_day": F.lit(DS)}
    return frame_of(spark, full, schema).withColumns(told)


def reasons(spark: SparkSession, *rows: dict[str, str | None], **config: Any) -> list[str | None]:
    """The reason of each row, in the order given."""
    told = (
        raw(spark, *rows)
        .transform(mapped_events(SOURCE))
        .transform(in_window(None, DS))
        .transform(judged(IngestConfig(**config), DS))
        .transform(without_returns)
        .collect()
    )
    found = {r["raw"]: r["reason_code"] for r in told}
    wanted = [r["raw"] for r in raw(spark, *rows).transform(mapped_events(SOURCE)).collect()]
    return [found[text] for text in wanted]


BAD = [
    ({"user": None}, "missing_user"),
    ({"user": "  "}, "missing_user"),
    ({"item": None}, "missing_item"),
    ({"item": ""}, "missing_item"),
    ({"type": "hover"}, "unknown_type"),
    ({"type": None}, "unknown_type"),
    ({"type": "x"}, "ignored_type"),
    ({"at": "soon"}, "bad_time"),
    ({"at": None}, "bad_time"),
    ({"at": "2026-02-30 10:00:00"}, "bad_time"),
    ({"at": "1970-01-01 00:00:00"}, "before_shop"),
    ({"at": "2026-11-25 00:00:00"}, "future"),
    ({"item": "POST"}, "non_product"),
    ({"quantity": "many"}, "bad_quantity"),
    ({"quantity": "0"}, "bad_quantity"),
    ({"quantity": "-1"}, "bad_quantity"),
    ({"quantity": "1.5"}, "bad_quantity"),
    ({"quantity": "99999999999"}, "bad_quantity"),
    ({"price": "free"}, "bad_price"),
    ({"price": "NaN"}, "bad_price"),
    ({"price": "Infinity"}, "bad_price"),
    ({"price": "-0.01"}, "bad_price"),
    ({"price": "1e9"}, "bad_price"),
    ({"type": "stars"}, "bad_rating"),
    ({"type": "stars", "rating": "good"}, "bad_rating"),
    ({"position": "-2"}, "bad_position"),
    ({"position": "0"}, "bad_position"),
    ({"position": "1.5"}, "bad_position"),
    ({"position": "first"}, "bad_position"),
    ({"propensity": "0"}, "bad_propensity"),
    ({"propensity": "1.1"}, "bad_propensity"),
    ({"propensity": "NaN"}, "bad_propensity"),
    ({"propensity": "often"}, "bad_propensity"),
]
GOOD: list[dict[str, str | None]] = [
    {},
    {"type": "find", "item": None},
    {"type": "stars", "rating": "4.5"},
    {"price": "0"},
    {"propensity": "1", "position": "1"},
    {"price": " 3.5 ", "quantity": "2", "position": "3.0", "type": "buy"},
    {"at": "2026-11-24 23:59:59"},
]


def test_every_reason_code(spark: SparkSession) -> None:
    assert reasons(spark, *(row for row, _ in BAD)) == [reason for _, reason in BAD]


def test_good_rows_are_kept(spark: SparkSession) -> None:
    assert reasons(spark, *GOOD) == [None] * len(GOOD)


def test_exact_repeats_keep_one(spark: SparkSession) -> None:
    rows = raw(spark, {}, {}, {"item": "2"}).transform(mapped_events(SOURCE))
    told = rows.transform(judged(IngestConfig(), DS)).collect()
    assert sorted((r["item_id"], r["reason_code"] or "") for r in told) == [
        ("1", ""), ("1", "duplicate"), ("2", ""),
    ]  # fmt: skip


def test_a_robots_day_is_refused_and_its_other_days_are_not(spark: SparkSession) -> None:
    clicks = [{"at": f"2026-11-24 10:00:{second:02d}"} for second in range(4)]
    other: list[dict[str, str | None]] = [{"at": "2026-11-23 10:00:00"}, {"user": "v"}]
    assert reasons(spark, *clicks, *other, robot_daily_events=3) == ["robot"] * 4 + [None, None]


def test_days_outside_the_window_are_other_nights(spark: SparkSession) -> None:
    rows = raw(
        spark,
        {"at": "2026-11-20 10:00:00"},
        {"at": "2026-11-23 10:00:00"},
        {"at": "2026-11-25 10:00:00"},
        {"at": "soon"},
    ).withColumn("_source_day", F.lit(None).cast("date"))
    rows = rows.transform(mapped_events(SOURCE.model_copy(update={"path": "all.csv"})))
    kept = rows.transform(in_window(date(2026, 11, 22), DS)).collect()
    assert sorted(str(r["event_ts"]) for r in kept) == ["2026-11-23 10:00:00", "None"]


def test_a_row_without_a_day_is_of_its_file_s(spark: SparkSession) -> None:
    rows = raw(spark, {"at": "soon"}, {"at": "2099-01-01 00:00:00"}, {"at": NOON})
    earlier = rows.withColumn("_source_day", F.lit(date(2026, 11, 21)))
    mapped = earlier.transform(mapped_events(SOURCE))
    told = mapped.transform(judged(IngestConfig(), DS)).collect()
    assert sorted((r["reason_code"] or "", r["ds"].day) for r in told) == [
        ("", 24), ("bad_time", 21), ("future", 21),
    ]  # fmt: skip
    assert mapped.transform(in_window(date(2026, 11, 22), DS)).count() == 1


def trades(spark: SparkSession, *rows: tuple[str, str, str, str]) -> list[tuple[Any, ...]]:
    """(item, time, quantity left, reason) of purchases given as (user, item, time, quantity)."""
    given = [
        {"user": u, "item": i, "at": f"2026-11-24 {at}", "quantity": q, "type": "buy"}
        for u, i, at, q in rows
    ]
    told = (
        raw(spark, *given)
        .transform(mapped_events(SOURCE))
        .transform(judged(IngestConfig(), DS))
        .transform(without_returns)
        .orderBy("item_id", "event_ts")
        .collect()
    )
    return [
        (r["item_id"], r["event_ts"].strftime("%H:%M"), r["quantity"], r["reason_code"])
        for r in told
    ]


def test_a_return_takes_off_the_newest_earlier_purchases(spark: SparkSession) -> None:
    told = trades(
        spark,
        ("u", "1", "10:00", "5"), ("u", "1", "11:00", "2"), ("u", "1", "12:00", "-3"),
        ("u", "1", "13:00", "4"),
        ("u", "2", "10:00", "2"), ("u", "2", "11:00", "-2"),
        ("u", "3", "10:00", "-1"), ("u", "3", "11:00", "1"),
        ("u", "4", "10:00", "3"), ("v", "4", "11:00", "-3"),
    )  # fmt: skip
    assert told == [
        ("1", "10:00", 4.0, None), ("1", "11:00", 2.0, "cancelled"),
        ("1", "12:00", -3.0, "return"), ("1", "13:00", 4.0, None),
        ("2", "10:00", 2.0, "cancelled"), ("2", "11:00", -2.0, "return"),
        ("3", "10:00", -1.0, "return_unmatched"), ("3", "11:00", 1.0, None),
        ("4", "10:00", 3.0, None), ("4", "11:00", -3.0, "return_unmatched"),
    ]  # fmt: skip


def test_returns_agree_with_a_stack_of_purchases(spark: SparkSession) -> None:
    """Against last-in-first-out by hand, on a long random sequence of one user and item."""
    import random

    rng = random.Random(11)
    amounts = [rng.choice([1, 2, 3, 5, -1, -2, -4]) for _ in range(200)]
    rows = [("u", "1", f"{n // 60:02d}:{n % 60:02d}", str(a)) for n, a in enumerate(amounts)]
    stack: list[list[int]] = []
    left = {}
    for n, amount in enumerate(amounts):
        if amount > 0:
            stack.append([n, amount])
            left[n] = stack[-1]
        back = -amount
        while amount < 0 and back > 0 and stack:
            taken = min(back, stack[-1][1])
            stack[-1][1] -= taken
            back -= taken
            if stack[-1][1] == 0:
                stack.pop()
    told = trades(spark, *rows)
    kept = {
        int(at[:2]) * 60 + int(at[3:]): quantity
        for _, at, quantity, reason in told
        if reason is None
    }
    assert kept == {n: amount for n, (_, amount) in left.items() if amount > 0}


def test_sessions_start_after_a_pause_and_at_midnight(spark: SparkSession) -> None:
    rows = frame_of(
        spark,
        [
            ("u", datetime(2026, 11, 24, 10, 0), "a", None, DS),
            ("u", datetime(2026, 11, 24, 10, 30), "b", None, DS),
            ("u", datetime(2026, 11, 24, 11, 1), "c", None, DS),
            ("u", datetime(2026, 11, 24, 9, 0), "d", "own", DS),
        ],
        "user_id string, event_ts timestamp, source_row string, session_id string, ds date",
    )
    told = {r["source_row"]: r["session_id"] for r in rows.transform(with_sessions(30)).collect()}
    assert told["a"] == told["b"] == "u@1795514400"
    assert told["c"] == "u@1795518060"
    assert told["d"] == "own"


@pytest.mark.parametrize(
    ("unit", "told", "expected"),
    [
        ("s", "1700000000", "2023-11-14 22:13:20"),
        ("ms", "1700000000123", "2023-11-14 22:13:20.123000"),
        ("us", "1700000000123456", "2023-11-14 22:13:20.123456"),
        ("s", "8.8125095E8", "1997-12-04 15:55:50"),
        ("ms", "99999999999999999999", "None"),
        ("iso", "2019-10-01 00:00:00 UTC", "2019-10-01 00:00:00"),
        ("iso", "2019-10-01T02:00:00+02:00", "2019-10-01 00:00:00"),
    ],
)
def test_times_in_every_unit(spark: SparkSession, unit: str, told: str, expected: str) -> None:
    source = SOURCE.model_copy(update={"timestamp_unit": unit})
    row = raw(spark, {"at": told}).transform(mapped_events(source)).collect()[0]
    assert str(row["event_ts"]) == expected


def test_times_of_another_zone_are_told_in_utc(spark: SparkSession) -> None:
    source = SOURCE.model_copy(update={"timezone": "Europe/Berlin"})
    for told, expected in (
        ("2026-07-01 01:30:00", "2026-06-30 23:30:00"),
        ("2026-07-01T01:30:00-05:00", "2026-07-01 06:30:00"),
        ("2026-07-01T01:30:00Z", "2026-07-01 01:30:00"),
    ):
        row = raw(spark, {"at": told}).transform(mapped_events(source)).collect()[0]
        assert str(row["event_ts"]) == expected
    form = source.model_copy(update={"timestamp_format": "dd.MM.yyyy HH:mm XXX"})
    row = raw(spark, {"at": "01.07.2026 01:30 +02:00"}).transform(mapped_events(form)).collect()[0]
    assert str(row["event_ts"]) == "2026-06-30 23:30:00"
