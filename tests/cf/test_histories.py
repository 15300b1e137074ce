"""Weights of (user, item) pairs: types, decay, days, the cap."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nightshelf.cf.events import Weighing, deal
from nightshelf.cf.histories import from_events, from_files, to_pairs
from nightshelf.cf.packed import tables
from nightshelf.config import WarehouseConfig
from nightshelf.feedback import positive_events
from nightshelf.tables import SILVER_EVENTS, Store
from tests.conftest import Frame

EVENTS = "user_id string, item_id string, event_type string, event_ts timestamp, rating double"
DS = date(2026, 11, 24)
MIDNIGHT = datetime(2026, 11, 25)


def weights(
    frame: Frame, rows: list[tuple[Any, ...]], **options: Any
) -> dict[tuple[str, str], float]:
    kinds = {"click": 1.0, "purchase": 5.0, "view": 0.0, "rating": 2.0}
    half_life = options.pop("half_life_days", None)
    weighing = Weighing(DS, kinds, options.pop("positive_rating", None), half_life)
    given: dict[str, Any] = {"max_items_per_user": 100, "parts": 2}
    told = (
        frame(EVENTS, rows)
        .transform(from_events(weighing, **(given | options)))
        .transform(to_pairs)
        .collect()
    )
    return {(r["user_id"], r["item_id"]): r["weight"] for r in told}


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 11, day, hour)


def test_events_of_a_pair_add_up_by_type(frame: Frame) -> None:
    rows = [
        ("u", "a", "click", at(20), None), ("u", "a", "purchase", at(21), None),
        ("u", "b", "click", at(20), None), ("u", "c", "view", at(20), None),
        ("u", "d", "search", at(20), None), ("u", None, "click", at(20), None),
    ]  # fmt: skip
    assert weights(frame, rows) == {("u", "a"): 6.0, ("u", "b"): 1.0}


def test_nothing_after_the_day_counts(frame: Frame) -> None:
    rows = [("u", "a", "click", at(24, 23), None), ("u", "b", "click", MIDNIGHT, None)]
    assert weights(frame, rows) == {("u", "a"): 1.0}


def test_weight_halves_with_each_half_life(frame: Frame) -> None:
    rows = [("u", "a", "click", at(25), None), ("u", "b", "click", at(24), None),
            ("u", "c", "purchase", at(15), None)]  # fmt: skip
    found = weights(frame, rows, half_life_days=10.0)
    assert found == {
        ("u", "b"): pytest.approx(2**-0.1, abs=1e-11),
        ("u", "c"): pytest.approx(2.5, abs=1e-11),
    }


def test_only_the_newest_items_of_a_user_count_ties_by_id(frame: Frame) -> None:
    rows = [
        ("u", "old", "purchase", at(1), None), ("u", "b", "click", at(20), None),
        ("u", "a", "click", at(20), None), ("u", "new", "click", at(21), None),
        ("v", "old", "click", at(1), None),
    ]  # fmt: skip
    assert weights(frame, rows, max_items_per_user=2).keys() == {
        ("u", "new"), ("u", "a"), ("v", "old"),
    }  # fmt: skip


def test_binary_weights_are_one(frame: Frame) -> None:
    rows = [("u", "a", "purchase", at(3), None), ("u", "a", "click", at(4), None)]
    assert weights(frame, rows, binary=True, half_life_days=5.0) == {("u", "a"): 1.0}


def test_ratings_count_from_the_threshold_on(frame: Frame) -> None:
    rows = [
        ("u", "a", "rating", at(3), 4.0), ("u", "b", "rating", at(3), 3.5),
        ("u", "c", "rating", at(3), None), ("u", "d", "click", at(3), None),
        ("u", "e", "view", at(3), None), ("u", None, "click", at(3), None),
    ]  # fmt: skip
    kept = frame(EVENTS, rows).transform(
        positive_events({"rating": 1.0, "click": 1.0, "view": 0.0}, 4.0)
    )
    assert sorted(r["item_id"] for r in kept.collect()) == ["a", "d"]
    assert weights(frame, rows, positive_rating=4.0) == {("u", "a"): 2.0, ("u", "d"): 1.0}
    assert weights(frame, rows).keys() == {("u", i) for i in "abcd"}


@pytest.mark.parametrize("half_life_days", [pytest.param(None, marks=pytest.mark.long), 3.0])
def test_files_give_what_rows_give(
    spark: SparkSession, frame: Frame, tmp_path: Path, half_life_days: float | None
) -> None:
    """Files of several publishes, with later days, searches without an item and long ids."""
    store = Store(spark, WarehouseConfig(root=str(tmp_path / "a [shop]*")), "run-1")
    rng = np.random.default_rng(4)
    long = "i" * 1_000
    for day in (21, 23, 25):
        rows = []
        for n in range(200):
            when = at(day - int(rng.integers(2)), int(rng.integers(24)))
            kind = str(rng.choice(["click", "purchase", "rating", "search"]))
            item = None if kind == "search" else f"{long}{2**31 + int(rng.integers(9))}"
            rating = float(rng.integers(1, 6)) if kind == "rating" else None
            user = f"{2**40 + int(rng.integers(7))}"
            rows.append((user, item, kind, when, rating, f"{day}-{n}", when.date()))
        told = frame(f"{EVENTS}, source_row string, ds date", rows)
        absent = {
            c.name: F.lit("s" if c.name == "session_id" else None).cast(c.type)
            for c in SILVER_EVENTS.columns
            if c.name not in told.columns
        }
        store.publish(
            told.withColumns(absent), SILVER_EVENTS, date(2026, 11, day),
            since=date(2026, 11, day - 1),
        )  # fmt: skip
    weighing = Weighing(DS, {"click": 1.0, "purchase": 5.0, "rating": 2.0}, 4.0, half_life_days)
    options: dict[str, Any] = {"max_items_per_user": 6, "parts": 3}
    of_files = store.contents(SILVER_EVENTS, until=DS).transform(from_files(weighing, **options))
    of_rows = store.read(SILVER_EVENTS, until=DS).transform(from_events(weighing, **options))
    found = sorted(map(tuple, of_files.transform(to_pairs).collect()))
    assert found == sorted(map(tuple, of_rows.transform(to_pairs).collect()))
    assert len(found) == 7 * 6


def test_growth_makes_weights_of_the_day_of_weights_of_the_anchor(frame: Frame) -> None:
    for half_life in (0.4, 3.0, 61.5):
        weighing = Weighing(DS, {"click": 1.0}, None, half_life)
        assert DS <= weighing.anchor <= DS + timedelta(days=max(2 * half_life, 1))
        assert weighing.growth == 2 ** ((weighing.anchor - DS).days / half_life)
        shared = {replace(weighing, as_of=DS + timedelta(days=n)).anchor for n in range(-30, 30)}
        assert len(shared) <= 61 / max(int(2 * half_life), 1) + 2
        found = weights(frame, [("u", "a", "click", at(24), None)], half_life_days=half_life)
        assert found["u", "a"] == pytest.approx(2 ** (-1 / half_life), abs=2**-38)


def test_only_the_days_asked_for_count() -> None:
    rows = pa.table(
        {
            "user_id": ["u"] * 4,
            "item_id": ["a", "b", "c", "d"],
            "event_type": ["click"] * 4,
            "event_ts": pa.array([at(20), at(21), at(22), at(23)], pa.timestamp("us")),
            "rating": pa.nulls(4, pa.float64()),
        }
    )
    weighing = Weighing(DS, {"click": 1.0}, since=date(2026, 11, 20), until=date(2026, 11, 22))
    assert (weighing.amounts(rows) > 0).tolist() == [False, True, True, False]


def test_a_robot_is_added_up_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightshelf.cf.events.BUSY", 3)
    users = [*"abbbbbbbbc"]
    items = [*"xxyxyxyxyx"]
    events = pa.RecordBatch.from_pydict({"user_id": users, "item_id": items})
    stamp = np.arange(10)

    def measure(_: pa.Table) -> tuple[Any, Any]:
        return np.arange(10) + 1, stamp

    sent = [t for _, t in tables(deal(measure, 1)([events]))]
    assert len(sent) == 1
    rows = sorted(zip(*(c.to_pylist() for c in sent[0].columns), strict=True))
    assert rows == [
        ("a", "x", 1, 0), ("b", "x", 2 + 4 + 6 + 8, 7), ("b", "y", 3 + 5 + 7 + 9, 8),
        ("c", "x", 10, 9),
    ]  # fmt: skip
