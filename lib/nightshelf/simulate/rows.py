"""The log and the reviews of a block of users as the shop delivers them, dirt and all."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightshelf.config import SimulateConfig
from nightshelf.simulate import shoppers, words
from nightshelf.simulate.log import CLICK, KINDS, NONE, PURCHASE, RATING, ROBOT_CLICKS, block_log
from nightshelf.simulate.shoppers import DAY_MS
from nightshelf.simulate.world import GROWTH, WEEKDAYS, Ints, generator, world

EVENTS: Final = pa.schema(
    [
        ("user_id", pa.string()),
        ("session_id", pa.string()),
        ("request_id", pa.string()),
        ("item_id", pa.string()),
        ("event", pa.string()),
        ("ts", pa.string()),  # milliseconds since the epoch; text, since dirty rows hold anything
        ("position", pa.int32()),
        ("quantity", pa.int32()),
        ("price", pa.float64()),
        ("query", pa.string()),
        ("rating", pa.float64()),
        ("device", pa.string()),
        ("ds", pa.date32()),  # the day whose delivery holds the row
    ]
)
REVIEWS: Final = pa.schema(
    [
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("ts", pa.string()),
        ("rating", pa.float64()),
        ("text", pa.string()),
    ]
)
WAYS: Final[tuple[Mapping[str, Any], ...]] = (
    {},  # an exact repeat
    {"user_id": None},
    {"item_id": "", "event": KINDS[CLICK]},
    {"price": -1.0},
    {"price": float("nan")},
    {"price": 1e12},
    {"event": "hover"},
    {"ts": "yesterday"},
    {"ts": "4102444800000"},  # the year 2100
    {"ts": "0"},
)
"""How a row is spoilt: the values that replace its own."""

ROWS_A_VISIT: Final = 23.2
"""Measured with 1,000 items, without robots and dirt; a small catalogue fills pages less."""


def expected_rows(config: SimulateConfig) -> int:
    """About how many events the shop delivers: within a tenth for thousands of users."""
    season = float(WEEKDAYS.mean()) * (1.0 + GROWTH / 2)
    known = 1.0 - shoppers.NEW_USERS / 2
    visits = config.days * config.sessions_per_day * season * known
    robots = config.robot_share * ROBOT_CLICKS
    each = visits * ROWS_A_VISIT + robots
    return round(config.users * each * (1.0 + config.dirty_share))


def events(config: SimulateConfig, block: int) -> pa.Table:
    """The block's log as the shop delivers it: EVENTS, with dirty rows and exact repeats added."""
    people = shoppers.users(config, world(config), block)
    log = block_log(config, people, block)
    day = log.at_ms // DAY_MS + (config.start - date(1970, 1, 1)).days
    clean = pa.table(
        {
            "user_id": _ids("u", people.ids[log.user]),
            "session_id": _ids(f"s{block}-", log.session),
            "request_id": _ids(f"r{block}-", log.request),
            "item_id": _ids("i", log.item),
            "event": pa.array(KINDS).take(pa.array(log.kind)),
            "ts": _epoch_ms(config, log.at_ms),
            "position": pa.array(log.position.astype(np.int32), mask=log.position < 1),
            "quantity": pa.array(log.quantity.astype(np.int32), mask=log.kind != PURCHASE),
            "price": pa.array(log.price, mask=np.isnan(log.price)),
            "query": pa.array(_queries(config)).take(pa.array(log.query, mask=log.query == NONE)),
            "rating": pa.array(log.rating, mask=np.isnan(log.rating)),
            "device": pa.array(shoppers.DEVICES).take(pa.array(people.device[log.user])),
            "ds": pa.array(day.astype(np.int32)).cast(pa.date32()),
        },
        schema=EVENTS,
    )
    return pa.concat_tables([clean, *_dirt(config, clean, generator(config, "dirt", block))])


def reviews(config: SimulateConfig, block: int) -> pa.Table:
    """The text that goes with each of the block's ratings: REVIEWS; it says what the stars say."""
    shop = world(config)
    people = shoppers.users(config, shop, block)
    log = block_log(config, people, block)
    log = log.take(log.kind == RATING)
    luck = generator(config, "reviews", block).integers(0, 12, len(log.item))
    told = [
        _opinion(float(stars), int(pick), shop.product(int(item)).noun)
        for stars, pick, item in zip(log.rating, luck, log.item, strict=True)
    ]
    return pa.table(
        {
            "user_id": _ids("u", people.ids[log.user]),
            "item_id": _ids("i", log.item),
            "ts": _epoch_ms(config, log.at_ms),
            "rating": log.rating,
            "text": pa.array(told, pa.string()),
        },
        schema=REVIEWS,
    )


def _opinion(stars: float, pick: int, noun: str) -> str:
    """One of twelve texts on either side of three stars, or on three."""
    first, second = words.SHRUGS, words.SHRUGGED
    if stars != 3:
        first, second = (words.PRAISE, words.PRAISED) if stars > 3 else (words.BLAME, words.BLAMED)
    return f"{first[pick % len(first)]} {second[pick % len(second)].format(noun)}"


@lru_cache(maxsize=2)
def _queries(config: SimulateConfig) -> tuple[str, ...]:
    """Every query that is ever typed, QUERIES for each kind of product."""
    products = [words.CATEGORIES[name] for name in world(config).categories]
    return tuple(q for own in products for product in own for q in words.queries_for(product))


def _ids(prefix: str, numbers: Ints) -> pa.Array:
    told = pa.array(numbers, mask=numbers == NONE).cast(pa.string())
    return pc.binary_join_element_wise(prefix, told, "")


def _epoch_ms(config: SimulateConfig, at_ms: Ints) -> pa.Array:
    first_day = (config.start - date(1970, 1, 1)).days
    return pa.array(at_ms + first_day * DAY_MS).cast(pa.string())


def _dirt(config: SimulateConfig, clean: pa.Table, rng: np.random.Generator) -> list[pa.Table]:
    """Copies of some rows, each spoilt in one way; the rows themselves stay."""
    chosen = np.flatnonzero(rng.random(clean.num_rows) < config.dirty_share)
    way = rng.integers(0, len(WAYS), len(chosen))
    return [_spoilt(clean.take(pa.array(chosen[way == w])), how) for w, how in enumerate(WAYS)]


def _spoilt(rows: pa.Table, how: Mapping[str, Any]) -> pa.Table:
    for name, value in how.items():
        place = rows.schema.get_field_index(name)
        same = pa.array([value] * rows.num_rows, type=EVENTS.field(name).type)
        rows = rows.set_column(place, EVENTS.field(name), same)
    return rows
