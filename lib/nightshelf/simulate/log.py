"""What the users of a block did, as arrays, before the shop's systems spoil any of it."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nightshelf.config import SimulateConfig
from nightshelf.simulate import shoppers, words
from nightshelf.simulate.shoppers import DAY_MS
from nightshelf.simulate.world import Floats, Ints, World, generator, world

KINDS: Final = ("impression", "click", "cart", "purchase", "rating", "search")
IMPRESSION, CLICK, CART, PURCHASE, RATING, SEARCH = range(len(KINDS))
ROBOT_CLICKS: Final = 2_500
RATED: Final = 0.3  # share of purchases
RETURNED: Final = 0.03  # share of purchases
NONE: Final = -1


@dataclass(frozen=True)
class Log:
    """Rows of the log as N-long arrays; -1 (NaN for floats) where a row has no such value."""

    kind: Ints
    user: Ints  # index into the block's users
    session: Ints
    request: Ints
    item: Ints
    at_ms: Ints
    position: Ints
    quantity: Ints
    price: Floats
    query: Ints  # kind of product * words.QUERIES + which of its queries
    rating: Floats

    def take(self, rows: NDArray[Any]) -> "Log":
        """The chosen rows, by index or mask."""
        return Log(**{name: column[rows] for name, column in vars(self).items()})


def block_log(config: SimulateConfig, people: shoppers.Users, block: int) -> Log:
    """What the users of a block did over all days, without dirt, in no particular order."""
    shop = world(config)
    seen = shoppers.pages(config, shop, people, block)
    did = shoppers.acts(config, shop, people, seen, block)
    rng = generator(config, "log", block)
    bought = _on_items(shop, seen, did.purchases, PURCHASE, 90_000)
    bought = replace(bought, quantity=1 + rng.poisson(0.2, len(bought.item)))
    parts = [
        _on_items(shop, seen, seen.position > 0, IMPRESSION, 0),
        _on_items(shop, seen, did.clicks, CLICK, 5_000),
        _on_items(shop, seen, did.carts, CART, 40_000),
        bought,
        _ratings(shop, bought, rng),
        _returns(bought, rng),
        _searches(seen, rng),
        _robots(shop, people, rng),
    ]
    log = Log(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in vars(bought)})
    return log.take(log.at_ms < config.days * DAY_MS)


def _on_items(
    shop: World, seen: shoppers.Pages, which: NDArray[np.bool_], kind: int, delay: int
) -> Log:
    page, slot = np.nonzero(which)
    item, position = seen.items[page, slot], seen.position[page, slot]
    return _rows(
        len(page),
        kind=np.full(len(page), kind),
        user=seen.user[page],
        session=seen.session[page],
        request=page,
        item=item,
        # Acts on one page follow each other; impressions come all at once.
        at_ms=seen.at_ms[page] + delay + (0 if kind == IMPRESSION else position * 1_000),
        position=position,
        price=shop.price[item, seen.day[page]],
    )


def _rows(count: int, **told: NDArray[Any]) -> Log:
    """Rows with the columns told; nothing in the others."""
    none, unknown = np.full(count, NONE), np.full(count, np.nan)
    rest = dict.fromkeys(Log.__dataclass_fields__, none) | {"price": unknown, "rating": unknown}
    return Log(**(rest | told))


def _ratings(shop: World, bought: Log, rng: np.random.Generator) -> Log:
    """Stars for some purchases, days later: by the item's quality, and by luck."""
    rated = bought.take(rng.random(len(bought.item)) < RATED)
    stars = np.round(3.7 + 0.8 * shop.quality[rated.item] + rng.normal(0, 0.7, len(rated.item)))
    return _rows(
        len(rated.item),
        kind=np.full(len(rated.item), RATING),
        user=rated.user,
        item=rated.item,
        at_ms=rated.at_ms + rng.integers(DAY_MS, 9 * DAY_MS, len(rated.item)),
        rating=stars.clip(1, 5),
    )


def _returns(bought: Log, rng: np.random.Generator) -> Log:
    """Some purchases come back days later, whole: the order's own request, a negative quantity."""
    back = bought.take(rng.random(len(bought.item)) < RETURNED)
    return replace(
        back,
        quantity=-back.quantity,
        session=np.full(len(back.item), NONE),
        position=np.full(len(back.item), NONE),
        at_ms=back.at_ms + rng.integers(DAY_MS, 9 * DAY_MS, len(back.item)),
    )


def _searches(seen: shoppers.Pages, rng: np.random.Generator) -> Log:
    (page,) = np.nonzero(seen.kind >= 0)
    # Short queries are typed more often than the long and the misspelt ones behind them.
    which = (rng.beta(1.0, 2.0, len(page)) * words.QUERIES).astype(np.int64)
    return _rows(
        len(page),
        kind=np.full(len(page), SEARCH),
        user=seen.user[page],
        session=seen.session[page],
        request=page,
        at_ms=seen.at_ms[page] - 1_000,
        query=seen.kind[page] * words.QUERIES + which,
    )


def _robots(shop: World, people: shoppers.Users, rng: np.random.Generator) -> Log:
    """One day of thousands of clicks, two seconds apart, for each robot; on any item of old."""
    (robots,) = np.nonzero(people.robot_day >= 0)
    user = np.repeat(robots, ROBOT_CLICKS)
    nth = np.tile(np.arange(ROBOT_CLICKS), len(robots))
    return _rows(
        len(user),
        kind=np.full(len(user), CLICK),
        user=user,
        item=rng.choice(np.flatnonzero(shop.launch < 0), len(user)),
        at_ms=people.robot_day[user] * DAY_MS + nth * 2_000,
    )
