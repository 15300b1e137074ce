"""Changes that are planted in a shop: there from their day on, and nowhere else."""

import numpy as np

from nightshelf.config import PlantedConfig, SimulateConfig
from nightshelf.simulate import log, shoppers
from nightshelf.simulate.world import world

SHOP = SimulateConfig(users=300, items=200, days=20, sessions_per_day=1.0, robot_share=0.0)


def planted(**changes: object) -> SimulateConfig:
    return SHOP.model_copy(update={"planted": PlantedConfig.model_validate(changes)})


def block_log(config: SimulateConfig) -> log.Log:
    return log.block_log(config, shoppers.users(config, world(config), 0), 0)


def test_a_price_shock() -> None:
    before, after = world(SHOP).price, world(planted(price_day=12, price_factor=2.0)).price
    np.testing.assert_array_equal(after[:, :12], before[:, :12])
    np.testing.assert_allclose(after[:, 12:], 2 * before[:, 12:], atol=0.01)


def test_a_new_category() -> None:
    config = planted(category_day=15)
    shop = world(config)
    is_last = shop.category == len(shop.categories) - 1
    assert set(shop.launch[is_last]) == {15}
    np.testing.assert_array_equal(shop.launch[~is_last], world(SHOP).launch[~is_last])
    told = block_log(config)
    of_last = is_last[told.item] & (told.item >= 0)
    assert of_last.any()
    assert (told.at_ms[of_last] >= 15 * shoppers.DAY_MS).all()


def test_a_taste_that_drifts() -> None:
    config = planted(taste_day=10)
    people = shoppers.users(config, world(config), 0)
    did = block_log(config)
    clicks = did.take(did.kind == log.CLICK)
    category, late = world(config).category[clicks.item], clicks.at_ms >= 10 * shoppers.DAY_MS
    size = people.tastes.shape[1]
    loved = people.tastes[clicks.user, category]
    shifted = people.tastes[clicks.user, (category - 1) % size]
    assert loved[~late].mean() > 2 * shifted[~late].mean()
    assert shifted[late].mean() > 2 * loved[late].mean()
    plain = block_log(SHOP)
    early = plain.at_ms < 10 * shoppers.DAY_MS
    assert np.count_nonzero(plain.kind[early] == log.SEARCH) > 0


def test_a_day_of_robots() -> None:
    config = planted(robots_day=7, robots_share=0.2)
    people = shoppers.users(config, world(config), 0)
    robots = people.robot_day >= 0
    assert set(people.robot_day[robots]) == {7}
    assert 0.1 < robots.mean() < 0.3
    did = block_log(config)
    day = did.at_ms // shoppers.DAY_MS
    clicks = np.bincount(day[did.kind == log.CLICK], minlength=20)
    assert clicks[7] > 10 * np.median(clicks)


def test_without_changes_the_shop_is_the_same() -> None:
    told, again = block_log(SHOP), block_log(planted())
    for name, column in vars(told).items():
        np.testing.assert_array_equal(column, getattr(again, name), err_msg=name)
