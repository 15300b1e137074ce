"""Lists: their length, order, sources, rules and reasons."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row

from nightshelf.cf.user_based import Likeness
from nightshelf.config import FeedbackConfig, RecommendConfig
from nightshelf.ranking import recommend as ranking
from nightshelf.ranking.recommend import Shop
from tests.conftest import Frame

DS = date(2026, 11, 24)
EVENTS = (
    "user_id string, item_id string, event_type string, event_ts timestamp, rating double, ds date"
)
ITEMS = "item_id string, title string, category string, available boolean"
NEIGHBOURS = "item_id string, rank int, neighbour_id string, similarity double, co_users bigint"
FEEDBACK = FeedbackConfig()

CATALOGUE = [
    ("mug", "Blue mug", "Home > Kitchen", True),
    ("pan", "Iron pan", "Home > Kitchen", True),
    ("pot", "Tea pot", "Home > Kitchen", True),
    ("hat", "Sun hat", "Clothing", True),
    ("tie", "", "Clothing", True),
    ("old", "Old lamp", "Home > Light", False),
]
LOG = [
    ("ann", "mug", "purchase", 1), ("ann", "hat", "click", 3),
    ("bob", "hat", "view", 2), ("cat", "pan", "purchase", 2), ("cat", "old", "purchase", 2),
    ("dan", "pan", "click", 1), ("eve", None, "search", 1),
]  # fmt: skip
NEAR = [("mug", 1, "pan", 0.8, 5), ("mug", 2, "old", 0.7, 5), ("hat", 1, "tie", 0.5, 3)]


def rules(**options: Any) -> RecommendConfig:
    """Without user-based CF, which takes most of the time, unless the options say otherwise."""
    return RecommendConfig(**({"user_cf_weight": 0.0} | options))


def shop(frame: Frame, log: list[tuple[Any, ...]] | None = None) -> Shop:
    rows = [
        (
            u,
            i,
            kind,
            datetime(2026, 11, 24, 12) - timedelta(days=ago),
            None,
            DS - timedelta(days=ago),
        )
        for u, i, kind, ago in (LOG if log is None else log)
    ]
    users = sorted({u for u, *_ in rows} | {"__new__"})
    return Shop(
        ds=DS,
        events=frame(EVENTS, rows),
        items=frame(ITEMS, CATALOGUE),
        users=frame("user_id string", [(user,) for user in users]),
    )


def recommend(
    frame: Frame,
    shop: Shop,
    config: RecommendConfig,
    near: list[tuple[Any, ...]] | None = None,
) -> dict[str, list[Row]]:
    neighbours = frame(NEIGHBOURS, NEAR if near is None else near)
    made = ranking.ingredients(shop, config, FEEDBACK)
    for part in made.frames():
        part.persist()
    finders = ranking.Finders(neighbours, Likeness())
    return lists(ranking.recommend(made, finders, config))


def lists(found: DataFrame) -> dict[str, list[Row]]:
    told: dict[str, list[Row]] = {}
    for row in found.orderBy("user_id", "rank").collect():
        told.setdefault(row["user_id"], []).append(row)
    return told


def items_of(rows: list[Row]) -> list[str]:
    return [row["item_id"] for row in rows]


def test_every_known_user_and_the_new_one_gets_k_distinct_items(frame: Frame) -> None:
    found = recommend(frame, shop(frame), rules(k=4))
    assert found.keys() == {"ann", "bob", "cat", "dan", "eve", "__new__"}
    for rows in found.values():
        assert [row["rank"] for row in rows] == [1, 2, 3, 4]
        assert len(set(items_of(rows))) == 4
        assert "old" not in items_of(rows)
        scores = [row["score"] for row in rows]
        assert scores == sorted(scores, reverse=True)


def test_bought_items_are_left_out_unless_repeatable(frame: Frame) -> None:
    kept = rules(k=4, repeatable=True)
    by_category = rules(k=4, repeatable_categories=("Home",))
    assert "mug" not in items_of(recommend(frame, shop(frame), rules(k=4))["ann"])
    assert "mug" in items_of(recommend(frame, shop(frame), kept.model_copy(update={"k": 5}))["ann"])
    assert "mug" in items_of(
        recommend(frame, shop(frame), by_category.model_copy(update={"k": 5}))["ann"]
    )


def test_a_short_catalogue_gives_what_it_has(frame: Frame) -> None:
    found = recommend(frame, shop(frame), rules(k=20))
    assert len(found["ann"]) == 4
    assert len(found["bob"]) == 5


def test_sources_seeds_and_reasons(frame: Frame) -> None:
    found = recommend(frame, shop(frame), rules(k=5))
    ann = {row["item_id"]: row for row in found["ann"]}
    assert (ann["pan"]["source"], ann["pan"]["seed_item_id"]) == ("item_cf", "mug")
    assert ann["pan"]["reason"] == "Because you bought Blue mug"
    assert (ann["tie"]["source"], ann["tie"]["seed_item_id"]) == ("item_cf", "hat")
    assert ann["tie"]["reason"] == "Because you looked at Sun hat"
    dan = {row["item_id"]: row for row in found["dan"]}
    assert dan["mug"]["source"] == "category"
    assert dan["mug"]["reason"] == "Popular in Kitchen this week"
    new = {row["item_id"]: row for row in found["__new__"]}
    assert (new["mug"]["source"], new["mug"]["reason"]) == ("trending", "Popular this week")
    assert (new["pot"]["source"], new["pot"]["reason"]) == ("catalogue", "From the catalogue")
    assert new["pot"]["seed_item_id"] is None
    assert new["pot"]["score"] == 0.0


@pytest.mark.long
def test_what_similar_users_want_is_added(frame: Frame) -> None:
    log = [
        ("ann", "pan", "click", 1), ("bob", "pan", "click", 1), ("bob", "tie", "cart", 2),
        ("cat", "mug", "click", 3),
    ]  # fmt: skip
    found = recommend(frame, shop(frame, log), rules(k=5, user_cf_weight=0.5), [])
    ann = {row["item_id"]: row for row in found["ann"]}
    assert (ann["tie"]["source"], ann["tie"]["seed_item_id"]) == ("user_cf", None)
    assert ann["tie"]["reason"] == "Liked by shoppers with your taste"
    alone = recommend(frame, shop(frame, log), rules(k=5), [])
    assert "user_cf" not in {row["source"] for row in alone["ann"]}


@pytest.mark.long
def test_a_reason_falls_back_to_the_id_of_an_untitled_item(frame: Frame) -> None:
    log = [*LOG, ("bob", "tie", "cart", 0)]
    near = [("tie", 1, "pot", 0.9, 4)]
    found = recommend(frame, shop(frame, log), rules(k=3), near)
    assert found["bob"][0]["reason"] == "Because you put in your cart tie"


def test_ties_are_broken_by_id(frame: Frame) -> None:
    found = recommend(frame, shop(frame, [("eve", None, "search", 1)]), rules(k=5))
    assert items_of(found["eve"]) == ["hat", "mug", "pan", "pot", "tie"]


def test_popular_counts_users_once_and_follows_the_same_rules(frame: Frame) -> None:
    log = [("ann", "mug", "click", 30)] * 9 + [
        ("bob", "pan", "click", 40),
        ("cat", "pan", "click", 1),
    ]
    config = rules(k=3)
    made = ranking.ingredients(shop(frame, [*log, ("cat", "hat", "purchase", 2)]), config, FEEDBACK)
    found = lists(ranking.popular(made, config, FEEDBACK))
    assert items_of(found["__new__"]) == ["hat", "pan", "mug"]
    assert items_of(found["cat"]) == ["pan", "mug", "pot"]


@pytest.mark.parametrize(
    ("half_life", "first"),
    [
        (1.0, "mug"),
        pytest.param(7.0, "pan", marks=pytest.mark.long),
        pytest.param(None, "pan", marks=pytest.mark.long),
    ],
)
def test_trends_fade_by_their_half_life(frame: Frame, half_life: float | None, first: str) -> None:
    log = [("ann", "pan", "purchase", 5), ("bob", "mug", "click", 0)]
    config = rules(k=3, trending_half_life_days=half_life)
    assert items_of(recommend(frame, shop(frame, log), config)["__new__"])[0] == first


def test_what_nobody_wanted_lately_is_no_trend(frame: Frame) -> None:
    log = [("ann", "pan", "purchase", 8), ("bob", "mug", "click", 6)]
    new = recommend(frame, shop(frame, log), rules(k=3))["__new__"]
    assert [(row["item_id"], row["source"]) for row in new] == [
        ("pan", "popular"), ("mug", "trending"), ("hat", "catalogue"),
    ]  # fmt: skip
    assert new[0]["reason"] == "A favourite of our shoppers"


@pytest.mark.long
def test_tastes_so_old_that_nothing_is_left_of_them_are_none(frame: Frame) -> None:
    log = [("ann", "mug", "click", 1_000), ("ann", "pan", "click", 1_001)]
    config = rules(k=3, half_life_days=30.0, trending_half_life_days=30.0)
    assert len(recommend(frame, shop(frame, log), config)["ann"]) == 3


@pytest.mark.long
def test_what_the_towers_find_is_added(frame: Frame) -> None:
    def tastes(catalogue: DataFrame, excluded: DataFrame, n: int) -> DataFrame:
        assert "old" not in {row["item_id"] for row in catalogue.collect()}
        assert ("ann", "mug") in {(row["user_id"], row["item_id"]) for row in excluded.collect()}
        assert n == 7
        found = [("ann", "pot", "two_tower", 1.0, None), ("ann", "tie", "two_tower", 0.5, None)]
        return frame(
            "user_id string, item_id string, source string, score double, seed_item_id string",
            found,
        )

    def ann(config: RecommendConfig, tastes: Any) -> dict[str, Row]:
        made = ranking.ingredients(shop(frame), config, FEEDBACK)
        near = frame(NEIGHBOURS, [])
        found = lists(ranking.recommend(made, ranking.Finders(near, Likeness(), tastes), config))
        return {row["item_id"]: row for row in found["ann"]}

    config = rules(k=5, candidates=7, two_tower_weight=2.0)
    with_towers, alone = ann(config, tastes), ann(config, None)
    assert with_towers["pot"]["source"] == "two_tower"
    assert with_towers["pot"]["reason"] == "Picked for your taste"
    assert with_towers["pot"]["score"] == pytest.approx(alone["pot"]["score"] + 2.0)
    assert with_towers["tie"]["score"] == pytest.approx(alone["tie"]["score"] + 1.0)
    off = rules(k=5, candidates=7, two_tower_weight=0.0)
    assert ann(off, tastes).keys() == alone.keys()
    assert "two_tower" not in {row["source"] for row in ann(off, tastes).values()}


@pytest.mark.long
def test_items_of_similar_texts_are_added(frame: Frame) -> None:
    alike = frame(NEIGHBOURS, [("hat", 1, "pot", 0.8, 0), ("hat", 2, "old", 0.9, 0)])

    def ann(config: RecommendConfig, texts: DataFrame | None) -> dict[str, Row]:
        made = ranking.ingredients(shop(frame), config, FEEDBACK)
        finders = ranking.Finders(frame(NEIGHBOURS, []), Likeness(), texts=texts)
        return {
            row["item_id"]: row for row in lists(ranking.recommend(made, finders, config))["ann"]
        }

    config = rules(k=5, text_weight=2.0)
    found, alone = ann(config, alike), ann(config, None)
    assert (found["pot"]["source"], found["pot"]["seed_item_id"]) == ("text", "hat")
    assert found["pot"]["reason"] == "Similar to Sun hat"
    assert found["pot"]["score"] == pytest.approx(alone["pot"]["score"] + 2.0)
    assert "old" not in found  # not on sale
    assert "text" not in {row["source"] for row in ann(rules(k=5, text_weight=0.0), alike).values()}


@pytest.mark.long
def test_features_are_named_for_published_rows_only(frame: Frame) -> None:
    asked: list[set[tuple[str, str]]] = []

    def features(lists: DataFrame) -> DataFrame:
        pairs = lists.select("user_id", "item_id")
        asked.append({tuple(row) for row in pairs.collect()})
        return pairs.where("user_id = 'ann'").selectExpr("*", "array('price', item_id) features")

    def listed(features: Any) -> DataFrame:
        made = ranking.ingredients(shop(frame), rules(k=2), FEEDBACK)
        near = frame(NEIGHBOURS, NEAR)
        finders = ranking.Finders(near, Likeness())
        return ranking.recommend(made, finders, rules(k=2), features=features)

    plain, explained = lists(listed(None)), listed(features)
    assert dict(explained.dtypes)["features"] == dict(listed(None).dtypes)["features"]
    assert {row["features"] for rows in plain.values() for row in rows} == {None}
    found = lists(explained)
    assert [row["features"] for row in found["ann"]] == [
        ["price", row["item_id"]] for row in found["ann"]
    ]
    assert {row["features"] for row in found["bob"]} == {None}
    assert asked == [{(row["user_id"], row["item_id"]) for rows in plain.values() for row in rows}]
    assert {u: items_of(rows) for u, rows in found.items()} == {
        u: items_of(rows) for u, rows in plain.items()
    }
