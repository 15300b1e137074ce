"""The shop itself: its catalogue, prices, stock, and what its items are worth to people.

Every worker makes the same world from the seed: arrays over items and days, never over users.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nightshelf.config import PlantedConfig, SimulateConfig
from nightshelf.simulate import words

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

POSITIONS: Final = 10
EXAMINATION: Final = 1.0 / np.arange(1, POSITIONS + 1) ** 0.6
"""Probability that a shopper looks at each position, from the first."""

WEEKDAYS: Final = np.array([0.9, 0.85, 0.9, 1.0, 1.1, 1.25, 1.2])
"""Visits on Monday to Sunday; a mean day is 1.03."""

GROWTH: Final = 0.2
"""By how much visits grow over the shop's time."""

STOCKOUT_DAYS: Final = 4.0


def generator(config: SimulateConfig, purpose: str, block: int = 0) -> np.random.Generator:
    """Random numbers that depend on the seed, the purpose and the block alone (counter-based)."""
    key = np.frombuffer(purpose.encode().ljust(8)[:8], dtype=np.uint64)[0]
    return np.random.Generator(
        np.random.Philox(np.random.SeedSequence([config.seed, int(key), block]))
    )


@dataclass(frozen=True)
class World:
    """Arrays by item (I,), by item and day (I, D), by category (C,) and by kind of product (K,)."""

    categories: tuple[str, ...]
    brands: tuple[str, ...]
    kind: Ints  # (I,) kind of product: category * words.NOUNS + place in the category
    brand: Ints  # (I,) index into brands
    look: Ints  # (I,) index into words.LOOKS
    variant: Ints  # (I,) chooses material, size and the description's last sentence
    quality: Floats  # (I,) standard normal
    elasticity: Floats  # (I,) what a user's price sensitivity is multiplied by
    price: Floats  # (I, D)
    stock: Ints  # (I, D) 0: out of stock
    launch: Ints  # (I,) day index; negative: before the first day
    delisted: Ints  # (I,) day index from which it is gone; D: never
    shelf: Ints  # (I,) items in the order of their kinds
    shown_upto: Floats  # (I + 1,) popularity of the shelf's items before each, from 0 to 1
    kind_start: Ints  # (K + 1,) where each kind begins on the shelf

    @property
    def category(self) -> Ints:
        """(I,) index into categories."""
        return self.kind // words.NOUNS

    def product(self, item: int) -> words.Product:
        """The kind of product that an item is."""
        category, place = divmod(int(self.kind[item]), words.NOUNS)
        return words.CATEGORIES[self.categories[category]][place]

    def title(self, item: int) -> str:
        """Such as `Alden blue ceramic coffee mug, 350 ml`."""
        product, variant = self.product(item), int(self.variant[item])
        material = product.materials[variant % len(product.materials)]
        size = product.sizes[variant // 7 % len(product.sizes)]
        brand, look = self.brands[self.brand[item]], words.LOOKS[self.look[item]]
        return f"{brand} {look} {material} {product.noun}, {size}"

    def description(self, item: int) -> str:
        """The title, the department, and a sentence that sells."""
        department = self.categories[self.category[item]].rpartition(" > ")[2].lower()
        selling = words.SELLING[int(self.variant[item]) // 49 % len(words.SELLING)]
        return f"{self.title(item)}. From our {department} range. {selling}"

    def on_sale(self, item: Ints, day: Ints) -> Bools:
        """Whether items are launched and not delisted on days."""
        return (self.launch[item] <= day) & (day < self.delisted[item])

    def draw(self, luck: Floats, first: Ints, last: Ints) -> Ints:
        """Items of the kinds from `first` up to `last`, by popularity; all of one shape.

        `luck` is uniform on [0, 1). There is at least one item of the kinds asked for.
        """
        low, high = self.kind_start[first], self.kind_start[last]
        begin, end = self.shown_upto[low], self.shown_upto[high]
        place = np.searchsorted(self.shown_upto, begin + luck * (end - begin), side="right") - 1
        return np.asarray(self.shelf[place.clip(low, high - 1)])


@lru_cache(maxsize=2)
def world(config: SimulateConfig) -> World:
    """The world of a configuration; the same in every process."""
    rng = generator(config, "world")
    items, days = config.items, config.days
    categories = tuple(words.CATEGORIES)[: config.categories]
    brands = tuple(f"{s}{e}" for e in words.BRAND_ENDINGS for s in words.BRAND_STEMS)
    # Each category has at least one item; the rest fall where they may, some categories larger.
    category = rng.choice(len(categories), items, p=rng.dirichlet(np.full(len(categories), 4.0)))
    category[: len(categories)] = np.arange(len(categories))
    kind = category * words.NOUNS + rng.integers(0, words.NOUNS, items)
    level = rng.normal(3.0, 0.5, len(categories) * words.NOUNS)  # log price of each kind
    shelf = np.argsort(kind, kind="stable")
    popularity = np.exp(rng.normal(0, 1.0, items))[shelf]
    shown_upto = np.append(0.0, np.cumsum(popularity))
    new = (rng.random(items) < 0.1) & (np.arange(items) >= len(categories))
    gone = (rng.random(items) < 0.02) & (np.arange(items) >= len(categories))
    base_price = np.exp(level[kind] + rng.normal(0, 0.4, items))
    shop = World(
        categories=categories,
        brands=brands[: config.brands],
        kind=kind,
        brand=rng.integers(0, config.brands, items),
        look=rng.integers(0, len(words.LOOKS), items),
        variant=rng.integers(0, 1_000, items),
        quality=rng.normal(0, 1, items),
        elasticity=np.exp(rng.normal(0, 0.3, items)),
        price=np.round(base_price[:, None] * _promotions(rng, items, days), 2),
        stock=_stock(rng, items, days, config.stockout_share),
        launch=np.where(new, rng.integers(0, days, items), -rng.integers(1, 1_000, items)),
        delisted=np.where(gone, rng.integers(days // 2, days, items), days),
        shelf=shelf,
        shown_upto=shown_upto / shown_upto[-1],
        kind_start=np.searchsorted(kind[shelf], np.arange(len(level) + 1)),
    )
    return _planted(shop, config.planted)


def _planted(shop: World, planted: PlantedConfig) -> World:
    """The shop with its price shock, and with its last category launched late."""
    price, launch = shop.price, shop.launch
    if planted.price_day is not None:
        price = price.copy()
        price[:, planted.price_day :] = np.round(
            price[:, planted.price_day :] * planted.price_factor, 2
        )
    if planted.category_day is not None:
        is_last = shop.category == len(shop.categories) - 1
        launch = np.where(is_last, planted.category_day, launch)
    return replace(shop, price=price, launch=launch)


def _promotions(rng: np.random.Generator, items: int, days: int) -> Floats:
    """(I, D) factors: now and then a week at 10 to 40 % off."""
    factor = np.ones((items, days))
    starts = rng.integers(0, days, (items, 1 + days // 30))
    promoted = rng.random(starts.shape) < 0.3
    depth = 1.0 - rng.uniform(0.1, 0.4, starts.shape)
    for item, slot in np.argwhere(promoted):
        factor[item, starts[item, slot] : starts[item, slot] + 7] = depth[item, slot]
    return factor


def _stock(rng: np.random.Generator, items: int, days: int, share: float) -> Ints:
    """(I, D) units at hand; 0 in intervals of about STOCKOUT_DAYS that cover `share` of all days.

    A two-state Markov chain that begins in its stationary state, so that the share holds each day.
    """
    stock = rng.integers(5, 500, (items, days))
    out = rng.random(items) < share
    for day in range(days):
        turned = rng.random(items) < np.where(out, 1.0 - share, share) / STOCKOUT_DAYS
        out = out ^ turned
        stock[out, day] = 0
    return stock
