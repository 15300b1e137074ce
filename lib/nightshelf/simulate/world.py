"""The shop itself: its catalogue, prices, stock, and what its items are worth to people.

Every worker makes the same world from the seed: arrays over items and days, never over users.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nightshelf.config import SimulateConfig
from nightshelf.simulate import words

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

POSITIONS: Final = 10
EXAMINATION: Final = 1.0 / np.arange(1, POSITIONS + 1) ** 0.6
"""Probability that a shopper looks at each position, from the first."""

WEEKDAYS: Final = np.array([0.9, 0.85, 0.9, 1.0, 1.1, 1.25, 1.2])
"""Visits on Monday to Sunday, relative to the mean."""


def generator(config: SimulateConfig, purpose: str, block: int = 0) -> np.random.Generator:
    """Random numbers that depend on the seed, the purpose and the block alone (counter-based)."""
    key = np.frombuffer(purpose.encode().ljust(8)[:8], dtype=np.uint64)[0]
    return np.random.Generator(
        np.random.Philox(np.random.SeedSequence([config.seed, int(key), block]))
    )


@dataclass(frozen=True)
class World:
    """Arrays by item (I,), by item and day (I, D), and by category (C,)."""

    categories: tuple[str, ...]
    brands: tuple[str, ...]
    category: Ints  # (I,) index into categories
    brand: Ints  # (I,) index into brands
    noun: Ints  # (I,)
    adjective: Ints  # (I,)
    popularity: Floats  # (I,) how often the shop shows it, sums to 1 in its category
    quality: Floats  # (I,) standard normal
    elasticity: Floats  # (I,) what a user's price sensitivity is multiplied by
    base_price: Floats  # (I,)
    price: Floats  # (I, D)
    stock: Ints  # (I, D) 0: out of stock
    launch: Ints  # (I,) day index; negative: before the first day
    delisted: Ints  # (I,) day index from which it is gone; D: never
    by_category: tuple[Ints, ...]  # items of each category
    shown_upto: tuple[Floats, ...]  # cumulative popularity within each category

    def title(self, item: int) -> str:
        """Such as `Striped coffee mug, Alden, no. 17`."""
        noun = words.CATEGORIES[self.categories[self.category[item]]][self.noun[item]]
        told = f"{words.ADJECTIVES[self.adjective[item]]} {noun}"
        return f"{told.capitalize()}, {self.brands[self.brand[item]]}, no. {item}"

    def on_sale(self, item: Ints, day: Ints) -> Bools:
        """Whether items are launched and not delisted on days."""
        return (self.launch[item] <= day) & (day < self.delisted[item])


def category_names(count: int) -> Iterator[str]:
    """The first `count` categories; beyond the known ones, numbered departments of them."""
    names = tuple(words.CATEGORIES)
    for place in range(count):
        yield names[place % len(names)]


@lru_cache(maxsize=2)
def world(config: SimulateConfig) -> World:
    """The world of a configuration; the same in every process."""
    rng = generator(config, "world")
    items, days = config.items, config.days
    categories = tuple(words.CATEGORIES)[: config.categories]
    brands = tuple(f"{s}{e}" for e in words.BRAND_ENDINGS for s in words.BRAND_STEMS)[
        : config.brands
    ]
    # Each category has at least one item; the rest fall where they may, some categories larger.
    sizes = rng.dirichlet(np.full(len(categories), 4.0))
    category = rng.choice(len(categories), items, p=sizes)
    category[: len(categories)] = np.arange(min(len(categories), items))
    base_price = np.round(
        np.exp(rng.normal(2.8, 0.7, items)) + rng.normal(0, 1, len(categories))[category] ** 2, 2
    )
    price = base_price[:, None] * _promotions(rng, items, days)
    popularity = np.exp(rng.normal(0, 1.0, items))
    by_category = tuple(np.flatnonzero(category == c) for c in range(len(categories)))
    launch = np.where(rng.random(items) < 0.1, rng.integers(0, max(days, 1), items), -1)
    launch[: len(categories)] = -1
    gone = (rng.random(items) < 0.02) & (np.arange(items) >= len(categories))
    return World(
        categories=categories,
        brands=brands,
        category=category,
        brand=rng.integers(0, len(brands), items),
        noun=rng.integers(0, 5, items),
        adjective=rng.integers(0, len(words.ADJECTIVES), items),
        popularity=popularity,
        quality=rng.normal(0, 1, items),
        elasticity=np.exp(rng.normal(0, 0.3, items)),
        base_price=base_price,
        price=np.round(price, 2),
        stock=_stock(rng, items, days, config.stockout_share),
        launch=launch,
        delisted=np.where(gone, rng.integers(days // 2, days + 1, items), days),
        by_category=by_category,
        shown_upto=tuple(np.cumsum(popularity[own]) / popularity[own].sum() for own in by_category),
    )


def _promotions(rng: np.random.Generator, items: int, days: int) -> Floats:
    """(I, D) factors: now and then a week at 10 to 40 % off."""
    factor = np.ones((items, days))
    starts = rng.integers(0, max(days, 1), (items, 1 + days // 30))
    promoted = rng.random(starts.shape) < 0.3
    depth = 1.0 - rng.uniform(0.1, 0.4, starts.shape)
    for slot in range(starts.shape[1]):
        day = np.arange(days)[None, :] - starts[:, slot : slot + 1]
        running = promoted[:, slot : slot + 1] & (day >= 0) & (day < 7)
        factor = np.where(running, depth[:, slot : slot + 1], factor)
    return factor


def _stock(rng: np.random.Generator, items: int, days: int, share: float) -> Ints:
    """(I, D) units at hand; 0 on intervals of two to six days that cover about `share`."""
    stock = rng.integers(5, 500, (items, days))
    lengths = rng.integers(2, 7, items)
    tries = 1 + days // 30
    for _ in range(tries):
        starts = rng.integers(0, max(days, 1), items)
        out = rng.random(items) < share * days / (4.0 * tries)
        day = np.arange(days)[None, :] - starts[:, None]
        stock[out[:, None] & (day >= 0) & (day < lengths[:, None])] = 0
    return stock
