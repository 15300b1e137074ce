import numpy as np
import pytest

from nightshelf.config import SimulateConfig
from nightshelf.simulate import words
from nightshelf.simulate.world import generator, world


def test_random_numbers_depend_on_seed_purpose_and_block() -> None:
    config = SimulateConfig()

    def first(config: SimulateConfig, purpose: str, block: int) -> float:
        return float(generator(config, purpose, block).random())

    given = first(config, "pages", 3)
    assert first(config, "pages", 3) == given
    others = {first(config, "acts", 3), first(config, "pages", 4)}
    others.add(first(SimulateConfig(seed=8), "pages", 3))
    assert len(others | {given}) == 4


def test_every_category_has_an_item_from_the_first_day() -> None:
    shop = world(SimulateConfig(items=12))
    assert sorted(shop.category) == list(range(12))
    assert (shop.launch < 0).all()
    assert (shop.delisted == 30).all()


def test_fewer_categories_and_brands_can_be_asked_for() -> None:
    shop = world(SimulateConfig(items=500, categories=2, brands=3))
    assert set(shop.category) == {0, 1}
    assert set(shop.brand) == {0, 1, 2}
    assert shop.categories == ("Home > Kitchen", "Home > Bedroom")


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 1.0])
def test_stockouts_cover_the_share_asked_for(share: float) -> None:
    stock = world(SimulateConfig(items=5_000, days=60, stockout_share=share)).stock
    assert (stock == 0).mean() == pytest.approx(share, abs=0.01)


def test_stockouts_last_some_days() -> None:
    out = world(SimulateConfig(items=5_000, days=60, stockout_share=0.1)).stock == 0
    starts = (out[:, 1:] & ~out[:, :-1]).sum()
    assert out[:, 1:].sum() / starts == pytest.approx(4.4, abs=0.4)


def test_prices_drop_for_a_week_at_most_by_forty_percent() -> None:
    price = world(SimulateConfig(items=2_000)).price
    usual = price.max(axis=1, keepdims=True)
    promoted = price < usual
    assert 0.05 < promoted.any(axis=1).mean() < 0.6
    assert (price[promoted] / np.broadcast_to(usual, price.shape)[promoted]).min() > 0.59
    assert (price > 0).all()


def test_some_items_start_in_the_period_and_few_go() -> None:
    config = SimulateConfig(items=5_000)
    shop = world(config)
    assert (shop.launch >= 0).mean() == pytest.approx(0.1, abs=0.02)
    assert (shop.delisted < config.days).mean() == pytest.approx(0.02, abs=0.01)
    new = int(np.flatnonzero(shop.launch > 3)[0])
    start = int(shop.launch[new])
    days = np.array([start - 1, start])
    assert shop.on_sale(np.array([new, new]), days).tolist() == [False, True]


def test_draws_follow_popularity_within_the_kinds_asked_for() -> None:
    shop = world(SimulateConfig(items=300))
    luck = (np.arange(200_000) + 0.5) / 200_000
    first, last = np.full(len(luck), 5), np.full(len(luck), 8)
    drawn = np.bincount(shop.draw(luck, first, last), minlength=300) / len(luck)
    weight = np.zeros(300)
    weight[shop.shelf] = np.diff(shop.shown_upto)
    weight[(shop.kind < 5) | (shop.kind >= 8)] = 0.0
    np.testing.assert_allclose(drawn, weight / weight.sum(), atol=2e-5)


def test_titles_say_brand_product_and_size() -> None:
    shop = world(SimulateConfig())
    for item in range(50):
        product = shop.product(item)
        title = shop.title(item)
        assert title.startswith(shop.brands[shop.brand[item]] + " ")
        assert title.endswith(tuple(f" {product.noun}, {size}" for size in product.sizes))
        assert product in words.CATEGORIES[shop.categories[shop.category[item]]]
        assert shop.description(item).startswith(title + ". From our ")
