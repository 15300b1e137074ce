"""A block of users: who they are, when they come, what they are shown and what they do."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from nightshelf.config import SimulateConfig
from nightshelf.simulate.world import (
    EXAMINATION,
    POSITIONS,
    WEEKDAYS,
    Bools,
    Floats,
    Ints,
    World,
    generator,
)

BLOCK_USERS: Final = 256
DRAWS: Final = 16  # items drawn for a page; repeated and unavailable ones fall out
DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000


@dataclass(frozen=True)
class Users:
    """The users of one block: U of them."""

    ids: Ints  # (U,) counted over the whole shop
    tastes: Floats  # (U, C) sums to 1
    brand_tastes: Floats  # (U, brands) added to an item's utility
    price_sensitivity: Floats  # (U,) > 0
    activity: Floats  # (U,) mean 1
    robot_day: Ints  # (U,) the day on which the user is a robot; -1: a person


@dataclass(frozen=True)
class Pages:
    """P result pages in the order of time, and what was drawn for each."""

    user: Ints  # (P,) index into the block's users
    session: Ints  # (P,) counted in the block
    day: Ints  # (P,)
    at_ms: Ints  # (P,) since the first day
    category: Ints  # (P,)
    is_search: Bools  # (P,)
    items: Ints  # (P, DRAWS)
    wanted: Bools  # (P, DRAWS) would be shown if there were stock
    position: Ints  # (P, DRAWS) from 1; 0: not shown


@dataclass(frozen=True)
class Acts:
    """What users do with the items drawn, (P, DRAWS) each."""

    clicks: Bools
    carts: Bools
    purchases: Bools
    wish: Floats  # probability of a purchase, were the item shown and in stock


def users(config: SimulateConfig, world: World, block: int) -> Users:
    """The users of a block; the last block may hold fewer than BLOCK_USERS."""
    rng = generator(config, "users", block)
    ids = np.arange(block * BLOCK_USERS, min((block + 1) * BLOCK_USERS, config.users))
    count = len(ids)
    tastes = rng.dirichlet(np.full(len(world.categories), 0.25), count)
    robot = rng.random(count) < config.robot_share
    return Users(
        ids=ids,
        tastes=tastes,
        brand_tastes=rng.normal(0, 0.5, (count, len(world.brands))),
        price_sensitivity=np.exp(rng.normal(0, 0.6, count)),
        activity=np.exp(rng.normal(-0.5, 1.0, count)),
        robot_day=np.where(robot, rng.integers(0, config.days, count), -1),
    )


def pages(config: SimulateConfig, world: World, people: Users, block: int) -> Pages:
    """The result pages that the users of a block open in the shop's whole time."""
    rng = generator(config, "pages", block)
    days = np.arange(config.days)
    weekday = (config.start.weekday() + days) % 7
    season = WEEKDAYS[weekday] * (1.0 + 0.2 * days / max(config.days, 1))
    visits = rng.poisson(config.sessions_per_day * people.activity[:, None] * season[None, :])
    user, day = np.nonzero(visits)
    repeats = visits[user, day]
    user, day = np.repeat(user, repeats), np.repeat(day, repeats)
    begins = day * DAY_MS + (
        rng.normal(15.5, 3.0, len(user)).clip(6, 22.5) * 60 * MINUTE_MS
    ).astype(np.int64)
    turned = 1 + np.minimum(rng.poisson(0.9, len(user)), 5)
    session = np.repeat(np.arange(len(user)), turned)
    nth = np.arange(len(session)) - np.repeat(np.cumsum(turned) - turned, turned)
    user, day = user[session], day[session]
    category = _categories(rng, people.tastes[user])
    items = _drawn(rng, world, category)
    wanted = _first_of_each(items) & world.on_sale(items, day[:, None])
    in_stock = world.stock[items, day[:, None]] > 0
    place = np.cumsum(wanted & in_stock, axis=1)
    return Pages(
        user=user,
        session=session,
        day=day,
        at_ms=begins[session] + nth * 2 * MINUTE_MS + rng.integers(0, MINUTE_MS, len(session)),
        category=category,
        is_search=rng.random(len(session)) < 0.4,
        items=items,
        wanted=wanted & (np.cumsum(wanted, axis=1) <= POSITIONS),
        position=np.where(wanted & in_stock & (place <= POSITIONS), place, 0),
    )


def acts(config: SimulateConfig, world: World, people: Users, seen: Pages, block: int) -> Acts:
    """Clicks, carts and purchases on the pages: examination, then attraction, then price."""
    rng = generator(config, "acts", block)
    user = seen.user[:, None]
    love = np.log(0.05 + len(world.categories) * people.tastes[seen.user, seen.category])[:, None]
    brand = people.brand_tastes[user, world.brand[seen.items]]
    price = world.price[seen.items, seen.day[:, None]]
    dear = np.log(price / 20.0) * people.price_sensitivity[user] * world.elasticity[seen.items]
    liking = 0.6 * love + brand + 0.5 * world.quality[seen.items]
    attraction = _sigmoid(liking - 0.3 * dear - 1.2)
    carting = _sigmoid(0.3 * liking - 0.6 * dear - 0.5)
    buying = _sigmoid(0.2 * liking - 0.4 * dear + 0.6)
    shown = seen.position > 0
    looks = np.where(shown, EXAMINATION[seen.position - 1], 0.0)
    clicks = rng.random(shown.shape) < looks * attraction
    carts = clicks & (rng.random(shown.shape) < carting)
    return Acts(
        clicks=clicks,
        carts=carts,
        purchases=carts & (rng.random(shown.shape) < buying),
        wish=np.where(seen.wanted, EXAMINATION.mean() * attraction * carting * buying, 0.0),
    )


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _categories(rng: np.random.Generator, tastes: Floats) -> Ints:
    """A category a page: four of five times by taste, else any."""
    mixed = 0.8 * tastes + 0.2 / tastes.shape[1]
    drawn = rng.random(len(tastes))[:, None] * mixed.sum(axis=1, keepdims=True)
    return np.asarray((np.cumsum(mixed, axis=1) < drawn).sum(axis=1).clip(0, tastes.shape[1] - 1))


def _drawn(rng: np.random.Generator, world: World, category: Ints) -> Ints:
    """(P, DRAWS) items of each page's category, the popular more often."""
    drawn = np.empty((len(category), DRAWS), dtype=np.int64)
    luck = rng.random(drawn.shape)
    for c, own in enumerate(world.by_category):
        here = category == c
        drawn[here] = own[np.searchsorted(world.shown_upto[c], luck[here]).clip(0, len(own) - 1)]
    return drawn


def _first_of_each(items: Ints) -> Bools:
    """(P, N): whether the item has not been drawn for the page before."""
    before = np.tril(np.ones((items.shape[1], items.shape[1]), dtype=bool), -1)
    return np.asarray(~((items[:, :, None] == items[:, None, :]) & before).any(axis=2))
