"""The log of a block of users, as the shop's own systems would write it, dirt and all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightshelf.config import SimulateConfig
from nightshelf.simulate import shoppers, words
from nightshelf.simulate.shoppers import DAY_MS, MINUTE_MS
from nightshelf.simulate.world import Floats, Ints, World, generator, world

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
        ("ds", pa.date32()),  # the day whose delivery holds the row
    ]
)
KINDS: Final = ("impression", "click", "cart", "purchase", "rating", "search")
IMPRESSION, CLICK, CART, PURCHASE, RATING, SEARCH = range(len(KINDS))
ROBOT_CLICKS: Final = 2_500
NONE: Final = -1


@dataclass(frozen=True)
class Log:
    """Rows of the log as N-long arrays; -1 (NaN for floats) where a row has no such value."""

    kind: Ints
    user: Ints
    session: Ints
    request: Ints
    item: Ints
    at_ms: Ints
    position: Ints
    quantity: Ints
    price: Floats
    query: Ints
    rating: Floats

    def take(self, rows: NDArray[Any]) -> "Log":
        """The chosen rows, by index or mask."""
        return Log(**{name: column[rows] for name, column in vars(self).items()})


def joined(logs: list[Log]) -> Log:
    """All rows of the logs."""
    return Log(**{n: np.concatenate([getattr(log, n) for log in logs]) for n in vars(logs[0])})


def block_log(config: SimulateConfig, block: int) -> Log:
    """What the users of a block did over all days, without dirt, in no particular order."""
    shop = world(config)
    people = shoppers.users(config, shop, block)
    seen = shoppers.pages(config, shop, people, block)
    did = shoppers.acts(config, shop, people, seen, block)
    rng = generator(config, "log", block)
    impressions = _on_items(shop, people, seen, seen.position > 0, IMPRESSION, 0)
    clicks = _on_items(shop, people, seen, did.clicks, CLICK, 5_000)
    carts = _on_items(shop, people, seen, did.carts, CART, 40_000)
    bought = _on_items(shop, people, seen, did.purchases, PURCHASE, 90_000)
    bought = replace(bought, quantity=1 + rng.poisson(0.2, len(bought.item)))
    rated = bought.take(rng.random(len(bought.item)) < 0.3)
    stars = np.round(3.7 + 0.8 * shop.quality[rated.item] + rng.normal(0, 0.7, len(rated.item)))
    ratings = replace(
        rated,
        kind=np.full(len(rated.item), RATING),
        at_ms=rated.at_ms + 20 * MINUTE_MS,
        position=np.full(len(rated.item), NONE),
        quantity=np.full(len(rated.item), NONE),
        price=np.full(len(rated.item), np.nan),
        rating=stars.clip(1, 5),
    )
    back = bought.take(rng.random(len(bought.item)) < 0.03)
    returns = replace(back, quantity=-back.quantity, at_ms=back.at_ms + 2 * DAY_MS)
    searches = _searches(config, shop, people, seen, rng)
    robots = _robots(config, people, rng)
    log = joined([impressions, clicks, carts, bought, ratings, returns, searches, robots])
    return log.take(log.at_ms < config.days * DAY_MS)


def _on_items(
    shop: World,
    people: shoppers.Users,
    seen: shoppers.Pages,
    which: NDArray[np.bool_],
    kind: int,
    delay: int,
) -> Log:
    page, slot = np.nonzero(which)
    count, day = len(page), seen.day[page]
    item, position = seen.items[page, slot], seen.position[page, slot]
    return Log(
        kind=np.full(count, kind),
        user=people.ids[seen.user[page]],
        session=seen.session[page],
        request=page,
        item=item,
        at_ms=seen.at_ms[page] + delay + (position * 1_000 if kind else 0),
        position=position,
        quantity=np.full(count, NONE),
        price=shop.price[item, day],
        query=np.full(count, NONE),
        rating=np.full(count, np.nan),
    )


def _searches(
    config: SimulateConfig,
    shop: World,
    people: shoppers.Users,
    seen: shoppers.Pages,
    rng: np.random.Generator,
) -> Log:
    (page,) = np.nonzero(seen.is_search)
    count = len(page)
    per_category = len(queries(config)) // len(shop.categories)
    # The last tenth of a category's queries is misspelt.
    luck = (rng.beta(1.0, 2.0, count) * per_category).astype(np.int64)
    none = np.full(count, NONE)
    return Log(
        kind=np.full(count, SEARCH),
        user=people.ids[seen.user[page]],
        session=seen.session[page],
        request=page,
        item=none,
        at_ms=seen.at_ms[page] - 1_000,
        position=none,
        quantity=none,
        price=np.full(count, np.nan),
        query=seen.category[page] * per_category + luck,
        rating=np.full(count, np.nan),
    )


def _robots(config: SimulateConfig, people: shoppers.Users, rng: np.random.Generator) -> Log:
    """One day of thousands of clicks, two seconds apart, for each robot."""
    (robots,) = np.nonzero(people.robot_day >= 0)
    user = np.repeat(robots, ROBOT_CLICKS)
    nth = np.tile(np.arange(ROBOT_CLICKS), len(robots))
    none, unknown = np.full(len(user), NONE), np.full(len(user), np.nan)
    return Log(
        kind=np.full(len(user), CLICK),
        user=people.ids[user],
        session=none,
        request=none,
        item=rng.integers(0, config.items, len(user)),
        at_ms=people.robot_day[user] * DAY_MS + nth * 2_000,
        position=none,
        quantity=none,
        price=unknown,
        query=none,
        rating=unknown,
    )


@lru_cache(maxsize=2)
def queries(config: SimulateConfig) -> tuple[str, ...]:
    """Every query that is ever typed: for each category as many, the last ones misspelt."""
    told: list[str] = []
    for name in world(config).categories:
        nouns = words.CATEGORIES[name]
        right = [*nouns, *(f"{a} {n}" for n in nouns for a in words.ADJECTIVES[:4])]
        wrong = [n[:1] + n[2] + n[1] + n[3:] for n in nouns[:3]]
        told += [*right, *wrong]
    return tuple(told)


def events(config: SimulateConfig, block: int) -> pa.Table:
    """The block's log as the shop delivers it: EVENTS, with dirty rows and exact repeats added."""
    log = block_log(config, block)
    clean = log_table(config, block, log)
    rng = generator(config, "dirt", block)
    return pa.concat_tables([clean, *_dirt(config, clean, rng)])


def log_table(config: SimulateConfig, block: int, log: Log) -> pa.Table:
    """The rows as EVENTS, ids and times written out."""
    epoch_day = (config.start - type(config.start)(1970, 1, 1)).days
    return pa.table(
        {
            "user_id": _ids("u", log.user),
            "session_id": _ids(f"s{block}-", log.session),
            "request_id": _ids(f"r{block}-", log.request),
            "item_id": _ids("i", log.item),
            "event": pa.array(KINDS).take(pa.array(log.kind)),
            "ts": pa.array(log.at_ms + epoch_day * DAY_MS).cast(pa.string()),
            "position": pa.array(log.position.astype(np.int32), mask=log.position < 1),
            "quantity": pa.array(log.quantity.astype(np.int32), mask=log.kind != PURCHASE),
            "price": pa.array(log.price, mask=np.isnan(log.price)),
            "query": pa.array(queries(config)).take(pa.array(log.query, mask=log.query == NONE)),
            "rating": pa.array(log.rating, mask=np.isnan(log.rating)),
            "ds": pa.array((log.at_ms // DAY_MS + epoch_day).astype(np.int32)).cast(pa.date32()),
        },
        schema=EVENTS,
    )


def _ids(prefix: str, numbers: Ints) -> pa.Array:
    told = pa.array(numbers, mask=numbers == NONE).cast(pa.string())
    return pc.binary_join_element_wise(prefix, told, "")


def _dirt(config: SimulateConfig, clean: pa.Table, rng: np.random.Generator) -> list[pa.Table]:
    """Copies of some rows, each spoilt in one way; the rows themselves stay."""
    ways: tuple[Mapping[str, Any], ...] = (
        {},  # an exact repeat
        {"user_id": None},
        {"item_id": "", "event": "click"},
        {"price": -1.0},
        {"price": float("nan")},
        {"price": 1e12},
        {"event": "hover"},
        {"ts": "yesterday"},
        {"ts": "4102444800000"},  # the year 2100
        {"ts": "0"},
    )
    chosen = np.flatnonzero(rng.random(clean.num_rows) < config.dirty_share)
    way = rng.integers(0, len(ways), len(chosen))
    return [_spoilt(clean.take(pa.array(chosen[way == w])), how) for w, how in enumerate(ways)]


def _spoilt(rows: pa.Table, how: Mapping[str, Any]) -> pa.Table:
    for name, value in how.items():
        place = rows.schema.get_field_index(name)
        same = pa.array([value] * rows.num_rows, type=EVENTS.field(name).type)
        rows = rows.set_column(place, EVENTS.field(name), same)
    return rows
