"""Rows of small shops, by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import MapType

from nightshelf.config import FeedbackConfig
from nightshelf.config.model import FeaturesConfig
from nightshelf.features.item_features import item_features
from nightshelf.features.user_features import user_features
from nightshelf.literals import frame_of
from nightshelf.tables import SILVER_EVENTS, SILVER_ITEMS, SILVER_USERS
from tests.features.rows import named

Row = dict[str, Any]

FEEDBACK = FeedbackConfig(weights={"click": 1.0, "cart": 3.0, "rating": 2.0})


def features(**told: Any) -> FeaturesConfig:
    given = {"windows_days": (1, 7), "half_life_days": 2.0, "favourites": 2, "history_length": 3}
    return FeaturesConfig(**{**given, "click_prior": 2.0, **told})


def march(day: int) -> date:
    return date(2026, 3, day)


def event(at: str, user: str, kind: str, item: str | None = None, **told: Any) -> Row:
    """An event of March 2026; `at` is its day, hour and minute: "08 09:30"."""
    moment = datetime.strptime(f"2026-03-{at}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    who = {"user_id": user, "item_id": item, "event_type": kind, "session_id": f"{user} {at[:2]}"}
    source = f"{at} {user} {kind} {item}"
    return {**who, "event_ts": moment, "ds": moment.date(), "source_row": source, **told}


def item(name: str, day: date, **told: Any) -> Row:
    return {"item_id": name, "ds": day, "delisted": False, **told}


def user(name: str, **told: Any) -> Row:
    return {"user_id": name, "ds": march(10), **told}


@dataclass(frozen=True)
class Shop:
    """A shop's rows; `users` may be None."""

    events: list[Row]
    items: list[Row]
    users: list[Row] | None = None

    def user_features(
        self, spark: SparkSession, asked: Iterable[tuple[str, date]], config: FeaturesConfig
    ) -> DataFrame:
        users = None if self.users is None else named(spark, SILVER_USERS, self.users)
        events, items = self._frames(spark)
        pairs = frame_of(spark, list(asked), "user_id string, ds date")
        return pairs.transform(user_features(config, FEEDBACK, events, items, users))

    def item_features(
        self, spark: SparkSession, asked: Iterable[tuple[str, date]], config: FeaturesConfig
    ) -> DataFrame:
        events, items = self._frames(spark)
        pairs = frame_of(spark, list(asked), "item_id string, ds date")
        return pairs.transform(item_features(config, FEEDBACK, events, items))

    def _frames(self, spark: SparkSession) -> tuple[DataFrame, DataFrame]:
        return named(spark, SILVER_EVENTS, self.events), named(spark, SILVER_ITEMS, self.items)


def by_key(found: DataFrame, key: str) -> dict[tuple[str, date], Row]:
    """Rows as plain values by (key, ds); each pair has one row."""
    maps = [f.name for f in found.schema.fields if isinstance(f.dataType, MapType)]
    entries = found.withColumns({name: F.map_entries(name) for name in maps})
    collected = [r.asDict(recursive=True) for r in entries.collect()]
    for row in collected:
        # A map of Spark loses its order on the way to Python.
        row |= {name: {e["key"]: e["value"] for e in row[name]} for name in maps}
    named = {(row[key], row["ds"]): row for row in collected}
    assert len(named) == len(collected)
    return named
