"""Similar users and what they wanted: literal cases, brute force, caps."""

import math
from collections import defaultdict
from typing import Any

import pytest
from pyspark.sql import DataFrame

from nightshelf.cf.histories import from_pairs
from nightshelf.cf.user_based import OTHER, Likeness, best_of_similar_users, similar_users
from tests.cf.shop import PAIRS, random_pairs
from tests.conftest import Frame

Pairs = list[tuple[str, str, float]]
Lists = dict[str, list[tuple[str, float]]]

LOG = [
    ("ann", "mug", 1.0), ("ann", "pan", 1.0),
    ("bob", "mug", 1.0), ("bob", "pan", 1.0), ("bob", "pot", 2.0),
    ("cat", "mug", 1.0), ("cat", "hat", 1.0),
    ("dan", "tie", 1.0),
]  # fmt: skip


def listed(found: DataFrame, other: str, score: str) -> Lists:
    lists: Lists = defaultdict(list)
    for row in sorted(found.collect(), key=lambda r: (r["user_id"], -r[score], r[other])):
        lists[row["user_id"]].append((row[other], row[score]))
    return dict(lists)


def similar(frame: Frame, pairs: Pairs, likeness: Likeness, parts: int = 2) -> Lists:
    packed = frame(PAIRS, pairs).transform(from_pairs(parts)).persist()
    found = packed.transform(similar_users(likeness, parts=parts))
    return listed(found, OTHER, "similarity")


def best(frame: Frame, pairs: Pairs, likeness: Likeness, n: int, **options: Any) -> Lists:
    packed = frame(PAIRS, pairs).transform(from_pairs(2)).persist()
    found = packed.transform(best_of_similar_users(likeness, packed, n=n, parts=2, **options))
    return listed(found, "item_id", "score")


def brute_force(pairs: Pairs, likeness: Likeness) -> tuple[Lists, Lists]:
    """(similar users, unseen items) with every item's users taken into account."""
    history: dict[str, dict[str, float]] = defaultdict(dict)
    for user, item, weight in pairs:
        history[user][item] = weight
    count = {i: sum(i in mine for mine in history.values()) for _, i, _ in pairs}
    taste = {
        user: {i: w * math.log(len(history) / count[i]) for i, w in mine.items()}
        for user, mine in history.items()
    }
    others, items = {}, {}
    for user, mine in taste.items():
        near = {
            other: sum(w * theirs[i] for i, w in mine.items() if i in theirs)
            / math.sqrt(sum(w * w for w in theirs.values()) + likeness.damping)
            for other, theirs in taste.items()
            if other != user
        }
        ranked = sorted((-s, other) for other, s in near.items() if s > 0)[: likeness.k]
        others[user] = [(other, -s) for s, other in ranked]
        scores: dict[str, float] = defaultdict(float)
        for s, other in ranked:
            for item, weight in history[other].items():
                if item not in history[user]:
                    scores[item] += s * weight
        items[user] = [(item, -s) for s, item in sorted((s, i) for i, s in scores.items())]
    return others, items


def test_a_literal_case(frame: Frame) -> None:
    likeness = Likeness(k=5, max_users_per_item=10, damping=0.0)
    found = similar(frame, LOG, likeness)
    assert [other for other, _ in found["ann"]] == ["bob", "cat"]
    assert "dan" not in found
    mug, pan, pot = math.log(4 / 3), math.log(2), math.log(4)
    length = math.sqrt(mug**2 + pan**2 + (2 * pot) ** 2)
    assert found["ann"][0][1] == pytest.approx((mug**2 + pan**2) / length, rel=1e-9)
    lists = best(frame, LOG, likeness, n=3)
    assert [item for item, _ in lists["ann"]] == ["pot", "hat"]
    assert [item for item, _ in lists["cat"]] == ["pan", "pot"]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_equals_brute_force(frame: Frame, seed: int) -> None:
    pairs = random_pairs(seed, users=40, items=25, n=300)
    likeness = Likeness(k=7, max_users_per_item=1_000, damping=3.0)
    others, items = brute_force(pairs, likeness)
    found = similar(frame, pairs, likeness)
    assert found.keys() == {user for user, near in others.items() if near}
    for user, near in found.items():
        assert [o for o, _ in near] == [o for o, _ in others[user]]
        assert [s for _, s in near] == pytest.approx([s for _, s in others[user]], rel=1e-8)
    lists = best(frame, pairs, likeness, n=1_000)
    for user, scores in lists.items():
        assert dict(scores) == pytest.approx(dict(items[user]), rel=1e-8)


@pytest.mark.long
def test_parts_change_nothing(frame: Frame) -> None:
    pairs = random_pairs(3, users=30, items=20, n=200)
    likeness = Likeness(k=3, max_users_per_item=4)
    assert similar(frame, pairs, likeness, 1) == similar(frame, pairs, likeness, 5)


def test_a_hot_item_leads_to_those_who_wanted_it_most(frame: Frame) -> None:
    pairs = [(f"u{n}", "hot", float(n)) for n in range(1, 9)] + [("x", "cold", 1.0)]
    found = similar(frame, pairs, Likeness(k=9, max_users_per_item=2))
    assert {other for near in found.values() for other, _ in near} == {"u7", "u8"}
    assert found.keys() == {f"u{n}" for n in range(1, 9)}


@pytest.mark.long
def test_items_that_everyone_has_make_nobody_alike(frame: Frame) -> None:
    everyone = [(user, "bag", 1.0) for user in "abc"]
    assert similar(frame, everyone, Likeness()) == {}
    assert best(frame, everyone, Likeness(), n=5) == {}
    assert best(frame, [], Likeness(), n=5) == {}


def test_only_what_is_on_sale_is_found(frame: Frame) -> None:
    on_sale = frame("item_id string", [("hat",)])
    lists = best(frame, LOG, Likeness(), n=3, only=on_sale)
    assert {item for mine in lists.values() for item, _ in mine} == {"hat"}


@pytest.mark.parametrize("users", [["u"], ["u", "v"]])
def test_a_lone_user_has_no_similar_ones(frame: Frame, users: list[str]) -> None:
    pairs = [(user, f"{user}{n}", 1.0) for user in users for n in range(3)]
    assert similar(frame, pairs, Likeness()) == {}
