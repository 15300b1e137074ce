import numpy as np
import pytest

from nightshelf.config import SimulateConfig
from nightshelf.simulate import shoppers, words
from nightshelf.simulate.world import world

CONFIG = SimulateConfig(users=400, items=400, days=28, sessions_per_day=1.0, stockout_share=0.2)


def _seen(config: SimulateConfig, block: int = 0) -> tuple[shoppers.Users, shoppers.Pages]:
    people = shoppers.users(config, world(config), block)
    return people, shoppers.pages(config, world(config), people, block)


@pytest.mark.parametrize(
    ("days", "visits_a_day", "users_a_block"),
    [(30, 0.25, 133), (2, 0.01, 4_096), (3_650, 50.0, 1), (365, 0.25, 10)],
)
def test_blocks_hold_about_as_many_visits(
    days: int, visits_a_day: float, users_a_block: int
) -> None:
    config = SimulateConfig(days=days, sessions_per_day=visits_a_day, users=134)
    assert shoppers.block_users(config) == users_a_block
    assert shoppers.blocks(config) == -(-134 // users_a_block)


def test_blocks_divide_the_users() -> None:
    blocks = range(shoppers.blocks(CONFIG))
    ids = [shoppers.users(CONFIG, world(CONFIG), block).ids for block in blocks]
    assert len(ids) > 3
    assert np.concatenate(ids).tolist() == list(range(400))


def test_tastes_are_shares() -> None:
    people, _ = _seen(CONFIG)
    np.testing.assert_allclose(people.tastes.sum(axis=1), 1.0)
    assert people.tastes.min() >= 0
    assert people.tastes.max(axis=1).mean() > 0.4


def test_pages_show_ten_different_items_at_most_in_places_from_one() -> None:
    _, seen = _seen(CONFIG)
    for items, position in zip(seen.items, seen.position, strict=True):
        shown = items[position > 0]
        assert len(set(shown)) == len(shown)
        assert sorted(position[position > 0]) == list(range(1, len(shown) + 1))
    assert seen.position.max() == 10


def test_nothing_is_shown_without_stock_before_launch_or_after_the_end() -> None:
    _, seen = _seen(CONFIG)
    shop = world(CONFIG)
    page, slot = np.nonzero(seen.position)
    item, day = seen.items[page, slot], seen.day[page]
    assert (shop.stock[item, day] > 0).all()
    assert (shop.launch[item] <= day).all()
    assert (day < shop.delisted[item]).all()
    assert len(page) > 1_000


def test_pages_are_of_their_category_and_searches_mostly_of_their_kind() -> None:
    _, seen = _seen(CONFIG)
    shop = world(CONFIG)
    shown = seen.position > 0
    right = shop.category[seen.items] == seen.category[:, None]
    assert right[shown].all()
    searched = shown & (seen.kind >= 0)[:, None]
    same = (shop.kind[seen.items] == seen.kind[:, None])[searched].mean()
    assert 0.4 < same < 0.9
    assert (seen.kind >= 0).mean() == pytest.approx(0.4, abs=0.05)
    asked = seen.kind[seen.kind >= 0]
    assert (asked // words.NOUNS == seen.category[seen.kind >= 0]).all()


def test_nobody_comes_before_signing_up() -> None:
    people, seen = _seen(CONFIG)
    assert (people.signup_day[seen.user] <= seen.day).all()
    assert (people.signup_day >= 0).any()


def test_full_shelves_sell_what_is_demanded() -> None:
    config = CONFIG.model_copy(update={"stockout_share": 0.0})
    people, seen = _seen(config)
    did = shoppers.acts(config, world(config), people, seen, 0)
    np.testing.assert_array_equal(did.demand, did.sales)
    assert did.demand.sum() > 0


def test_acts_follow_each_other() -> None:
    people, seen = _seen(CONFIG)
    did = shoppers.acts(CONFIG, world(CONFIG), people, seen, 0)
    assert (seen.position[did.clicks] > 0).all()
    assert did.clicks[did.carts].all()
    assert did.carts[did.purchases].all()
    assert 0 < did.purchases.sum() < did.carts.sum() < did.clicks.sum()
