import pandas as pd
import pytest

from nightshelf.config import SimulateConfig
from nightshelf.simulate import rows, shoppers, words
from nightshelf.simulate.world import world

from .conftest import Shop

SPOILT = {
    "no user": lambda log: log["user_id"].isna(),
    "no item": lambda log: log["item_id"] == "",
    "negative price": lambda log: log["price"] == -1,
    "absurd price": lambda log: log["price"] == 1e12,
    "unknown type": lambda log: log["event"] == "hover",
    "malformed time": lambda log: log["ts"] == "yesterday",
    "future time": lambda log: log["ts"] == "4102444800000",
    "ancient time": lambda log: log["ts"] == "0",
    "repeat": lambda log: log.duplicated(),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_each_kind_of_dirt_is_a_tenth_of_the_share(shop: Shop, kind: str) -> None:
    spoilt = int(SPOILT[kind](shop.log).sum())
    clean_rows = len(shop.log) / (1 + shop.config.dirty_share)
    assert spoilt / clean_rows == pytest.approx(shop.config.dirty_share / 10, rel=0.25)


def test_dirt_lies_in_the_files_of_the_shops_days(shop: Shop) -> None:
    assert shop.log["day"].between(0, shop.config.days - 1).all()


def test_no_dirt_where_none_is_asked_for() -> None:
    config = SimulateConfig(users=50, dirty_share=0.0, robot_share=0.0)
    log = rows.events(config, 0).to_pandas()
    assert not any(bad(log).any() for bad in SPOILT.values())
    assert set(log["event"]) == {"impression", "click", "cart", "purchase", "rating", "search"}


def test_a_robot_share_of_one_makes_everyone_a_robot() -> None:
    config = SimulateConfig(users=3, robot_share=1.0, dirty_share=0.0)
    log = rows.events(config, 0).to_pandas()
    unseen = log[(log["event"] == "click") & log["position"].isna()]
    assert unseen.groupby("user_id").size().to_dict() == {"u0": 2500, "u1": 2500, "u2": 2500}


def test_searches_carry_a_query_of_the_category_shown(shop: Shop, clean: pd.DataFrame) -> None:
    searches = clean[clean["event"] == "search"].set_index("request_id")
    shown = clean[(clean["event"] == "impression") & (clean["position"] == 1)]
    shown = shown.set_index("request_id")["item"]
    known = {
        name: {query for product in own for query in words.queries_for(product)}
        for name, own in words.CATEGORIES.items()
    }
    both = searches.join(shown, how="inner", rsuffix="_shown").head(500)
    assert len(both) == 500
    for query, item in zip(both["query"], both["item_shown"], strict=True):
        assert query in known[shop.world.categories[shop.world.category[item]]]
    misspelt = {q for own in words.CATEGORIES.values() for p in own for q in _misspelt(p)}
    assert 0.01 < searches["query"].isin(misspelt).mean() < 0.2


def _misspelt(product: words.Product) -> tuple[str, ...]:
    return words.queries_for(product)[-words.MISSPELT :]


def test_devices_are_those_of_the_users(shop: Shop) -> None:
    known = shop.log[shop.log["user_id"].notna()]
    assert (known.groupby("user_id")["device"].nunique() == 1).all()
    assert set(known["device"]) == {"phone", "desktop", "tablet"}


def test_reviews_say_what_their_stars_say_and_match_the_ratings(
    shop: Shop, clean: pd.DataFrame
) -> None:
    blocks = range(shoppers.blocks(shop.config))
    told = pd.concat([rows.reviews(shop.config, block).to_pandas() for block in blocks])
    robots = [f"u{u}" for p in shop.people for u in p.ids[p.robot_day >= 0]]
    told = told[~told["user_id"].isin(robots)]
    keys = ["user_id", "item_id", "ts", "rating"]
    rated = clean[clean["event"] == "rating"][keys]
    assert sorted(map(tuple, told[keys].values)) == sorted(map(tuple, rated.values))
    assert len(told) > 200
    praise, blame = tuple(words.PRAISE), tuple(words.BLAME)
    assert told[told["rating"] >= 4]["text"].str.startswith(praise).all()
    assert told[told["rating"] <= 2]["text"].str.startswith(blame).all()
    assert told[told["rating"] == 3]["text"].str.startswith(tuple(words.SHRUGS)).all()
    assert set(told["rating"]) == {1.0, 2.0, 3.0, 4.0, 5.0}


@pytest.mark.parametrize(
    "config",
    [SimulateConfig(users=3_000), SimulateConfig(users=800, days=90, robot_share=0.0)],
    ids=["a month", "a quarter"],
)
def test_expected_rows_are_about_right(config: SimulateConfig) -> None:
    made = sum(rows.events(config, b).num_rows for b in range(shoppers.blocks(config)))
    assert rows.expected_rows(config) == pytest.approx(made, rel=0.1)


def test_the_smallest_shop_works() -> None:
    config = SimulateConfig(users=1, items=12, days=2, categories=1, brands=1, sessions_per_day=5)
    assert world(config).categories == ("Home > Kitchen",)
    assert rows.events(config, 0).schema == rows.EVENTS
