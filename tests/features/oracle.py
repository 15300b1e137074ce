"""Every feature again, slowly: for each (key, day) by itself, from the definitions."""

from collections import defaultdict
from datetime import date
from math import log, sqrt
from typing import Any

from nightshelf.config.model import FeaturesConfig
from tests.features.shop import FEEDBACK, Row, Shop

TYPES = ("impression", "view", "click", "cart", "purchase", "rating")


def user_row(shop: Shop, config: FeaturesConfig, user: str, day: date) -> Row:
    so_far = [e for e in shop.events if e["ds"] <= day]
    mine = [e for e in so_far if e["user_id"] == user]
    numbers = _activity(config, so_far, mine, day)
    for window in config.windows_days:
        recent = {e["session_id"] for e in mine if (day - e["ds"]).days < window}
        numbers[f"sessions_{window}d"] = float(len(recent))
    person = _person(shop, user, day)
    signed_up = person.get("signup_date")
    begun = signed_up if signed_up and signed_up <= day else min((e["ds"] for e in mine), default=0)
    if begun:
        numbers["tenure_days"] = float((day - begun).days)
    deeds = [
        (e, FEEDBACK.weights[e["event_type"]] * _left(config, e, day)) for e in mine if _good(e)
    ]
    prices = [(log(p), w) for e, w in deeds if (p := _price(shop, e, day))]
    if prices:
        total = sum(w for _, w in prices)
        level = sum(x * w for x, w in prices) / total
        numbers["price_level"] = level
        numbers["price_spread"] = sqrt(sum(w * (x - level) ** 2 for x, w in prices) / total)
    loved = {n: _loved(shop, config, deeds, day, n) for n in ("category", "brand")}
    newest: dict[str, tuple[Any, ...]] = {}
    for e, _ in deeds:
        told = (e["event_ts"], (*TYPES, "search").index(e["event_type"]), e["event_type"])
        newest[e["item_id"]] = max(newest.get(e["item_id"], told), told)
    recent_items = sorted(newest.items(), key=lambda n: (-n[1][0].timestamp(), n[0]))
    attributes = {k: v for k, v in (person.get("attributes") or {}).items() if v is not None}
    best = {f"loved_{n}": shares[0]["name"] for n, shares in loved.items() if shares}
    return {
        "user_id": user,
        "numbers": numbers,
        "categories": {**attributes, "user_id": user, **best},
        "loved_categories": loved["category"],
        "loved_brands": loved["brand"],
        "recent": [
            {"item_id": i, "event_type": kind, "event_ts": at.replace(tzinfo=None)}
            for i, (at, _, kind) in recent_items[: config.history_length]
        ],
        "ds": day,
    }


def _person(shop: Shop, user: str, day: date) -> Row:
    """What was told of the user up to the day, or on the first day of all if they were there."""
    rows = sorted((r for r in shop.users or [] if r["user_id"] == user), key=lambda r: r["ds"])
    told = [r for r in rows if r["ds"] <= day]
    if told or not rows or rows[0]["ds"] > min(r["ds"] for r in shop.users or []):
        return told[-1] if told else {}
    return rows[0] if (rows[0].get("signup_date") or day) <= day else {}


def item_row(shop: Shop, config: FeaturesConfig, item: str, day: date) -> Row:
    so_far = [e for e in shop.events if e["ds"] <= day]
    mine = [e for e in so_far if e["item_id"] == item]
    numbers = _activity(config, so_far, mine, day)
    told = {n: _told(shop, item, day, n) for n in ("category", "brand", "price", "launch_date")}
    if told["price"]:
        numbers["price_log"] = log(told["price"])
    begun = told["launch_date"] or min((e["ds"] for e in mine), default=None)
    if begun:
        numbers["age_days"] = float((day - begun).days)
    for name in ("title", "description"):
        text = _told(shop, item, day, name)
        if text is not None:
            numbers[f"{name}_words"] = float(len(text.split()))
            if name == "title":
                numbers["title_letters"] = float(sum(c.isalpha() for c in text))
    shown = [e for e in so_far if e["event_type"] == "impression"]
    if shown:
        rates = _click_rates(config, so_far, day)
        expected = sum(
            _left(config, e, day) * rates(e.get("position")) for e in shown if e["item_id"] == item
        )
        clicks = numbers.get("click_rate", 0.0)
        numbers["click_through"] = (clicks + config.click_prior) / (expected + config.click_prior)
    categories = {"item_id": item, "category": told["category"], "brand": told["brand"]}
    return {
        "item_id": item,
        "numbers": numbers,
        "categories": {k: v for k, v in categories.items() if v},
        "vectors": {},
        "ds": day,
    }


def _activity(config: FeaturesConfig, shop: list[Row], mine: list[Row], day: date) -> Row:
    numbers: Row = {}
    for kind in {e["event_type"] for e in shop} - {"search"}:
        own = [e for e in mine if e["event_type"] == kind]
        for window in config.windows_days:
            numbers[f"{kind}_{window}d"] = float(sum((day - e["ds"]).days < window for e in own))
        numbers[f"{kind}_rate"] = sum((_left(config, e, day) for e in own), 0.0)
        if own:
            numbers[f"days_since_{kind}"] = float(min((day - e["ds"]).days for e in own))
    good = [(day - e["ds"]).days for e in mine if _good(e)]
    return {**numbers, "days_since_any": float(min(good))} if good else numbers


def _good(e: Row) -> bool:
    liked = e["event_type"] != "rating" or e["rating"] >= FEEDBACK.positive_rating
    return FEEDBACK.weights.get(e["event_type"], 0.0) > 0 and e["item_id"] is not None and liked


def _left(config: FeaturesConfig, e: Row, day: date) -> float:
    return float(2.0 ** (-(day - e["ds"]).days / config.half_life_days))


def _told(shop: Shop, item: str, day: date, name: str) -> Any:
    told = [r for r in shop.items if r["item_id"] == item and r["ds"] <= day]
    known = [r for r in told if r.get(name) not in (None, 0.0)]
    return max(known, key=lambda r: r["ds"])[name] if known else None


def _first_told(shop: Shop, e: Row, day: date, name: str) -> Any:
    """As of the event, or else what was told first of the item up to the day."""
    told = _told(shop, e["item_id"], e["ds"], name)
    if told is not None:
        return told
    later = sorted({r["ds"] for r in shop.items if r["ds"] <= day})
    return next((t for d in later if (t := _told(shop, e["item_id"], d, name))), None)


def _price(shop: Shop, e: Row, day: date) -> float | None:
    return e.get("price") or _first_told(shop, e, day, "price")


def _loved(
    shop: Shop, config: FeaturesConfig, deeds: list[tuple[Row, float]], day: date, name: str
) -> list[Row]:
    weights: dict[str, float] = defaultdict(float)
    for e, weight in deeds:
        if told := _first_told(shop, e, day, name):
            weights[told] += weight
    total = sum(weights.values())
    best = sorted(weights.items(), key=lambda n: (-n[1], n[0]))[: config.favourites]
    return [{"name": n, "share": w / total} for n, w in best]


def _click_rates(config: FeaturesConfig, so_far: list[Row], day: date) -> Any:
    sums: dict[str, dict[int | None, float]] = {
        "impression": defaultdict(float),
        "click": defaultdict(float),
    }
    for e in so_far:
        if e["event_type"] in sums:
            at = e.get("position")
            sums[e["event_type"]][None if at is None else min(at, 50)] += _left(config, e, day)
    shown, clicked = sums["impression"], sums["click"]
    overall = sum(clicked.values()) / sum(shown.values())
    is_told = any(n for at, n in clicked.items() if at is not None)

    def rate(position: int | None) -> float:
        if position is None or not is_told:
            return overall
        return clicked[min(position, 50)] / shown[min(position, 50)]

    return rate
