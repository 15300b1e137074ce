"""What shoppers do, by hand on tiny logs."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.behaviour.baskets import LARGEST, baskets, rules
from nightshelf.behaviour.cohorts import cohorts
from nightshelf.behaviour.customers import customers
from nightshelf.behaviour.funnel import funnel
from nightshelf.behaviour.placed import placed
from nightshelf.behaviour.sessions import paths, shapes
from nightshelf.columns import Transform
from nightshelf.config import BehaviourConfig, FeedbackConfig
from tests.conftest import Frame

EVENTS = (
    "user_id string, item_id string, event_type string, event_ts timestamp, session_id string, "
    "price double, quantity int, ds date"
)
ITEMS = "item_id string, category string"
DS = date(2026, 11, 24)
Event = tuple[str, str | None, str, datetime, str, float | None, int | None, date]


def event(
    user: str, item: str | None, kind: str, *, ago: int = 0, minute: int = 0, session: str = "s",
    price: float | None = None, quantity: int | None = None,
) -> Event:  # fmt: skip
    day = DS - timedelta(days=ago)
    at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC) + timedelta(minutes=minute)
    return (user, item, kind, at, f"{session}-{ago}", price, quantity, day)


def log(frame: Frame, *events: Event) -> DataFrame:
    items = frame(ITEMS, [("a", "tea > green"), ("b", "tea"), ("c", "mugs"), ("d", " ")])
    return frame(EVENTS, list(events)).transform(placed(items))


def test_funnel_counts_who_came_so_far_or_farther(frame: Frame) -> None:
    events = log(
        frame,
        event("u", "a", "view"), event("u", "a", "purchase"), event("u", "b", "view"),
        event("v", "a", "view"), event("v", "a", "cart"), event("v", "c", "purchase"),
        event("v", None, "search"), event("w", "c", "rating"),
    )  # fmt: skip
    told = {(r["category"], r["step"]): r for r in events.transform(funnel).collect()}
    assert {key: (r["place"], r["pairs"], r["users"]) for key, r in told.items()} == {
        ("all", "view"): (1, 4, 2), ("all", "cart"): (2, 3, 2), ("all", "purchase"): (3, 2, 2),
        ("tea", "view"): (1, 3, 2), ("tea", "cart"): (2, 2, 2), ("tea", "purchase"): (3, 1, 1),
        ("mugs", "view"): (1, 1, 1), ("mugs", "cart"): (2, 1, 1), ("mugs", "purchase"): (3, 1, 1),
    }  # fmt: skip


def test_cohorts_of_the_weeks_before_ds(frame: Frame) -> None:
    events = frame(EVENTS, [
        event("u", "a", "view", ago=15), event("u", "a", "purchase", ago=3),
        event("v", "a", "view", ago=20), event("w", "a", "view"),
        event("old", "a", "view", ago=70), event("old", "a", "purchase"),
    ])  # fmt: skip
    found = events.transform(cohorts(DS, weeks=3)).collect()
    told = {
        ((DS - r["cohort"]).days, r["age_weeks"]): (r["users"], r["active"], r["buyers"])
        for r in found
    }
    # Of the three weeks, the oldest is 15 to 21 days ago and began 20 days before ds.
    assert told == {
        (20, 0): (2, 2, 0), (20, 1): (2, 0, 0), (20, 2): (2, 1, 1), (6, 0): (1, 1, 0),
    }  # fmt: skip


def test_shapes_of_sessions(frame: Frame) -> None:
    events = log(
        frame,
        event("u", "a", "view"), event("u", "b", "view", minute=12),
        event("u", "b", "purchase", minute=31), event("v", "a", "view", ago=1),
        event("u", "c", "impression", minute=50), event("w", "c", "impression"),
    )  # fmt: skip
    told = {
        (r["measure"], r["bin"]): (r["sessions"], r["with_purchase"])
        for r in events.transform(shapes).collect()
    }
    assert told == {
        ("events", "1"): (1, 0), ("events", "3-4"): (1, 1),
        ("minutes", "0"): (1, 0), ("minutes", "30-59"): (1, 1),
        ("items", "1"): (1, 0), ("items", "2"): (1, 1),
        ("hour", "09"): (2, 1), ("weekday", "Tue"): (1, 1), ("weekday", "Mon"): (1, 0),
    }  # fmt: skip


def test_paths_between_categories(frame: Frame) -> None:
    events = log(
        frame,
        event("u", "a", "view"), event("u", "b", "view", minute=1),
        event("u", "c", "view", minute=2), event("u", "d", "view", minute=3),
        event("v", "a", "view"), event("v", "c", "view", minute=1),
        *(event("v", item, "impression") for item in "acbdac"),
    )  # fmt: skip
    found = [tuple(r) for r in events.transform(paths(most=2)).collect()]
    assert found == [("tea", "mugs", 2, 2), ("mugs", "none", 1, 1)]


def by_user(frame: DataFrame) -> dict[str, dict[str, Any]]:
    return {r["user_id"]: r.asDict() for r in frame.collect()}


def kinds(**weights: float) -> Transform:
    """Customers, where nothing was rated."""
    told = FeedbackConfig(weights=weights) if weights else FeedbackConfig()
    rating = F.lit(None).cast("double")
    return lambda events: events.withColumn("rating", rating).transform(customers(DS, 30, told))


def test_customers_by_recency_frequency_and_money(frame: Frame) -> None:
    events = [
        event(f"u{n}", "a", "purchase", ago=10 * n + visit, price=float(10 - n), quantity=2)
        for n in range(5)
        for visit in range(5 - n)
    ]
    told = by_user(log(frame, *events, event("looker", "a", "view")).transform(kinds()))
    assert set(told) == {f"u{n}" for n in range(5)}
    best, worst = told["u0"], told["u4"]
    assert (best["recency_days"], best["frequency"], best["monetary"]) == (0, 5, 100.0)
    assert [best[f"{name}_grade"] for name in ("recency", "frequency", "monetary")] == [5, 5, 5]
    assert [worst[f"{name}_grade"] for name in ("recency", "frequency", "monetary")] == [1, 1, 1]
    assert (best["kind"], worst["kind"]) == ("champion", "hibernating")


def test_a_purchase_is_one_whatever_it_weighs_as_feedback(frame: Frame) -> None:
    events = log(
        frame, event("u", "a", "view", price=50.0), event("u", "a", "purchase", ago=3, price=2.0),
        event("v", "a", "view", price=50.0), event("v", None, "purchase"),
    )  # fmt: skip
    told = by_user(events.transform(kinds(view=1.0)))
    assert told.keys() == {"u"}
    assert (told["u"]["recency_days"], told["u"]["monetary"]) == (3, 2.0)


def test_what_a_large_order_costs(frame: Frame) -> None:
    order = event("u", "a", "purchase", price=9_999.5, quantity=2_000_000_000)
    told = by_user(log(frame, order, order).transform(kinds()))
    assert told["u"]["monetary"] == 2 * 9_999.5 * 2_000_000_000


def test_interest_drift_by_hand(frame: Frame) -> None:
    events = log(
        frame,
        event("same", "a", "click", ago=40), event("same", "b", "click"),
        event("other", "a", "click", ago=40), event("other", "c", "click"),
        event("half", "a", "click", ago=40), event("half", "a", "click"),
        event("half", "c", "click"), event("late", "c", "click"),
    )  # fmt: skip
    told = by_user(events.transform(kinds()))
    assert told["same"]["interest_drift"] == 0
    assert told["other"]["interest_drift"] == 1
    # (1, 0) and (1/2, 1/2) against (3/4, 1/4); from scipy's jensenshannon, squared, base 2.
    assert told["half"]["interest_drift"] == pytest.approx(0.311278, abs=1e-6)
    assert told["late"]["interest_drift"] is None
    # Without purchases all positive events count; without prices there is no money.
    assert (told["half"]["frequency"], told["half"]["monetary"]) == (2, None)


RULES = BehaviourConfig(basket_least=2, basket_confidence=0.5, basket_rules=10)


def test_rules_of_baskets(frame: Frame) -> None:
    events = [
        event(f"u{n}", item, "purchase")
        for n, items in enumerate(["ab", "ab", "ab", "abc", "cd", "cd", "c"])
        for item in items
    ]
    together = frame(EVENTS, events).transform(baskets)
    assert together.count() == 7  # also that of c alone
    found = {
        (*r["antecedent"], r["consequent"]): (r["baskets"], r["confidence"], r["lift"])
        for r in rules(together, RULES).collect()
    }
    # b is in 4 of the 7 baskets, c in 4, d in 2.
    assert found["a", "b"] == (4, 1.0, pytest.approx(7 / 4))
    assert found["d", "c"] == (2, 1.0, pytest.approx(7 / 4))
    assert found["c", "d"] == (2, 2 / 4, pytest.approx(2 / 4 / (2 / 7)))
    assert ("a", "c") not in found
    for told in ({"basket_least": 5}, {"basket_least": 8}, {"basket_share": 0.6}):
        assert rules(together, RULES.model_copy(update=told)).collect() == []


def test_a_large_order_again_and_again_is_no_billion_sets(frame: Frame) -> None:
    large = [event(f"u{n}", f"i{i:02}", "purchase") for n in range(5) for i in range(30)]
    usual = [event(f"v{n}", item, "purchase") for n in range(9) for item in ("i28", "i29")]
    together = frame(EVENTS, large + usual).transform(baskets).persist()
    assert {len(r["items"]) for r in together.collect()} == {2, LARGEST}
    told = {"basket_least": 5, "basket_rules": 10**6}
    found = rules(together, RULES.model_copy(update=told)).collect()
    assert max(r["baskets"] for r in found) == 14
    assert {r["consequent"] for r in found} == {f"i{i:02}" for i in [*range(10), 28, 29]}
