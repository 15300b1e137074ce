"""A block of users: who they are, when they come, what they are shown and what they do."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from nightshelf.config import SimulateConfig
from nightshelf.simulate import planted, words
from nightshelf.simulate.world import (
    EXAMINATION,
    GROWTH,
    POSITIONS,
    WEEKDAYS,
    Bools,
    Floats,
    Ints,
    World,
    generator,
)

BLOCK_VISITS: Final = 1_000
MAX_BLOCK_USERS: Final = 4_096
DRAWS: Final = 16  # items drawn for a page; repeated and unavailable ones fall out
DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000
SEARCHES: Final = 0.4  # share of pages that answer a query
ON_QUERY: Final = 0.75  # share of a search page's draws that are of the kind asked for
NEW_USERS: Final = 0.1  # share of users who sign up in the shop's time
DEVICES: Final = ("phone", "desktop", "tablet")
COUNTRIES: Final = ("GB", "DE", "FR", "PL")


@dataclass(frozen=True)
class Users:
    """The users of one block: U of them."""

    ids: Ints  # (U,) counted over the whole shop
    tastes: Floats  # (U, C) sums to 1
    brand_tastes: Floats  # (U, brands) added to an item's utility
    price_sensitivity: Floats  # (U,) > 0
    activity: Floats  # (U,) mean 1
    robot_day: Ints  # (U,) the day on which the user is a robot; -1: a person
    signup_day: Ints  # (U,) negative: before the first day
    device: Ints  # (U,) index into DEVICES
    country: Ints  # (U,) index into COUNTRIES


@dataclass(frozen=True)
class Pages:
    """P result pages, those of a user and session together, and what was drawn for each."""

    user: Ints  # (P,) index into the block's users
    session: Ints  # (P,) counted in the block
    day: Ints  # (P,)
    at_ms: Ints  # (P,) since the first day
    category: Ints  # (P,)
    kind: Ints  # (P,) kind of product searched for; -1: a category is browsed
    items: Ints  # (P, DRAWS)
    full_position: Ints  # (P, DRAWS) from 1, were everything in stock; 0: not shown
    position: Ints  # (P, DRAWS) from 1; 0: not shown


@dataclass(frozen=True)
class Acts:
    """What users do with the items drawn, (P, DRAWS) each."""

    clicks: Bools
    carts: Bools
    purchases: Bools
    demand: Floats  # probability of a purchase, were everything in stock
    sales: Floats  # probability of a purchase with the stock there was


def block_users(config: SimulateConfig) -> int:
    """Users a block: fewer where each comes often, so that blocks take about the same memory."""
    visits = config.days * config.sessions_per_day
    return max(1, min(MAX_BLOCK_USERS, int(BLOCK_VISITS / visits)))


def blocks(config: SimulateConfig) -> int:
    """How many blocks hold all users."""
    return -(-config.users // block_users(config))


def users(config: SimulateConfig, world: World, block: int) -> Users:
    """The users of a block; the last block may hold fewer than the others."""
    rng = generator(config, "users", block)
    size = block_users(config)
    ids = np.arange(block * size, min((block + 1) * size, config.users))
    count = len(ids)
    robot = rng.random(count) < config.robot_share
    new = rng.random(count) < NEW_USERS
    return Users(
        ids=ids,
        tastes=rng.dirichlet(np.full(len(world.categories), 0.25), count),
        brand_tastes=rng.normal(0, 0.5, (count, len(world.brands))),
        price_sensitivity=np.exp(rng.normal(0, 0.6, count)),
        activity=np.exp(rng.normal(-0.5, 1.0, count)),
        robot_day=planted.robot_days(
            config.planted,
            np.where(robot, rng.integers(0, config.days, count), -1),
            generator(config, "robots", block),
        ),
        signup_day=np.where(
            new & ~robot, rng.integers(0, config.days, count), -rng.integers(1, 900, count)
        ),
        device=rng.choice(len(DEVICES), count, p=[0.6, 0.3, 0.1]),
        country=rng.choice(len(COUNTRIES), count, p=[0.4, 0.3, 0.2, 0.1]),
    )


def pages(config: SimulateConfig, world: World, people: Users, block: int) -> Pages:
    """The result pages that the users of a block open in the shop's whole time."""
    rng = generator(config, "pages", block)
    user, day = _visits(config, people, rng)
    begins = day * DAY_MS + ((6 + 17 * rng.beta(3, 2, len(user))) * HOUR_MS).astype(np.int64)
    turned = 1 + np.minimum(rng.poisson(0.9, len(user)), 5)
    session = np.repeat(np.arange(len(user)), turned)
    nth = np.arange(len(session)) - np.repeat(np.cumsum(turned) - turned, turned)
    user, day = user[session], day[session]
    everything = np.arange(len(world.categories))
    places = planted.loved(config.planted, people.tastes, day[:, None], everything[None, :])
    category = _categories(rng, people.tastes[user[:, None], places])
    asked = category * words.NOUNS + rng.integers(0, words.NOUNS, len(session))
    kind = np.where(rng.random(len(session)) < SEARCHES, asked, -1)
    items = _drawn(rng, world, category, kind)
    wanted = _first_of_each(items) & world.on_sale(items, day[:, None])
    return Pages(
        user=user,
        session=session,
        day=day,
        at_ms=begins[session] + nth * 2 * MINUTE_MS + rng.integers(0, MINUTE_MS, len(session)),
        category=category,
        kind=kind,
        items=items,
        full_position=_positions(wanted),
        position=_positions(wanted & (world.stock[items, day[:, None]] > 0)),
    )


def _visits(config: SimulateConfig, people: Users, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """(user, day) of each visit: Poisson, with the week's season and the shop's growth."""
    days = np.arange(config.days)
    season = WEEKDAYS[(config.start.weekday() + days) % 7] * (1.0 + GROWTH * days / config.days)
    known = people.signup_day[:, None] <= days
    visits = rng.poisson(config.sessions_per_day * people.activity[:, None] * season * known)
    user, day = np.nonzero(visits)
    repeats = visits[user, day]
    return np.repeat(user, repeats), np.repeat(day, repeats)


def acts(config: SimulateConfig, world: World, people: Users, seen: Pages, block: int) -> Acts:
    """Clicks, carts and purchases on the pages: examination, then attraction, then price.

    P(click) = EXAMINATION[position] * attraction (the examination hypothesis: Richardson et al.
    2007). Attraction, cart after click and purchase after cart are logistic in the user's liking of
    the item (category, brand, quality, the query's kind) and in log price times sensitivity.
    """
    rng = generator(config, "acts", block)
    user = seen.user[:, None]
    category = world.category[seen.items]
    place = planted.loved(config.planted, people.tastes, seen.day[:, None], category)
    love = np.log(0.05 + len(world.categories) * people.tastes[user, place])
    brand = people.brand_tastes[user, world.brand[seen.items]]
    asked = seen.kind[:, None]
    match = np.where(asked < 0, 0.0, np.where(world.kind[seen.items] == asked, 0.5, -1.0))
    price = world.price[seen.items, seen.day[:, None]]
    dear = np.log(price / 20.0) * people.price_sensitivity[user] * world.elasticity[seen.items]
    liking = 0.6 * love + brand + 0.5 * world.quality[seen.items] + match
    attraction = _sigmoid(liking - 0.3 * dear - 1.2)
    carting = _sigmoid(0.3 * liking - 0.6 * dear - 1.2)
    buying = _sigmoid(0.2 * liking - 0.4 * dear + 0.2)
    clicks = rng.random(seen.items.shape) < _looks(seen.position) * attraction
    carts = clicks & (rng.random(seen.items.shape) < carting)
    return Acts(
        clicks=clicks,
        carts=carts,
        purchases=carts & (rng.random(seen.items.shape) < buying),
        demand=_looks(seen.full_position) * attraction * carting * buying,
        sales=_looks(seen.position) * attraction * carting * buying,
    )


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _looks(position: Ints) -> Floats:
    """Probability that positions are looked at; 0 for items that are not shown."""
    return np.append(0.0, EXAMINATION)[position]


def _categories(rng: np.random.Generator, tastes: Floats) -> Ints:
    """A category a page: four of five times by taste, else any."""
    mixed = 0.8 * tastes + 0.2 / tastes.shape[1]
    drawn = rng.random(len(tastes))[:, None] * mixed.sum(axis=1, keepdims=True)
    return np.asarray((np.cumsum(mixed, axis=1) < drawn).sum(axis=1).clip(0, tastes.shape[1] - 1))


def _drawn(rng: np.random.Generator, world: World, category: Ints, kind: Ints) -> Ints:
    """(P, DRAWS) items of each page's category, most of a search's of its kind, by popularity."""
    shape = (len(category), DRAWS)
    narrow = (kind >= 0)[:, None] & (rng.random(shape) < ON_QUERY)
    wide = (category * words.NOUNS)[:, None]
    first = np.where(narrow, kind[:, None], wide)
    last = np.where(narrow, kind[:, None] + 1, wide + words.NOUNS)
    # A small catalogue may lack the kind asked for: then the category has to do.
    empty = world.kind_start[first] == world.kind_start[last]
    first, last = np.where(empty, wide, first), np.where(empty, wide + words.NOUNS, last)
    return world.draw(rng.random(shape), first, last)


def _first_of_each(items: Ints) -> Bools:
    """(P, N): whether the item has not been drawn for the page before."""
    before = np.tril(np.ones((items.shape[1], items.shape[1]), dtype=bool), -1)
    return np.asarray(~((items[:, :, None] == items[:, None, :]) & before).any(axis=2))


def _positions(shown: Bools) -> Ints:
    """(P, N): the place of each item shown, from 1; 0 for the others and beyond the page's end."""
    place = np.cumsum(shown, axis=1)
    return np.where(shown & (place <= POSITIONS), place, 0)
