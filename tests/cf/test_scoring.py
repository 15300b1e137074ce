"""Scores of unseen items: literal values, brute force, blocks and ties."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from nightshelf.cf.histories import from_pairs
from nightshelf.cf.scoring import best_unseen
from tests.conftest import Frame

PAIRS = "user_id string, item_id string, weight double"
NEAR = "item_id string, neighbour_id string, similarity double"
Lists = dict[str, list[tuple[str, float, str]]]

HISTORY = [("u", "a", 1.0), ("u", "b", 0.5), ("v", "b", 2.0), ("w", "z", 1.0)]
SIMILAR = [
    ("a", "b", 0.5), ("a", "c", 0.5), ("a", "d", 0.25),
    ("b", "a", 0.5), ("b", "c", 0.25), ("b", "d", 0.75),
]  # fmt: skip


def scored(
    frame: Frame,
    history: list[Any],
    near: list[Any],
    seen: list[Any] | None,
    n: int = 10,
    parts: int = 2,
    **options: int,
) -> Lists:
    packed = from_pairs(parts)
    avoided = None if seen is None else frame(PAIRS, seen).transform(packed)
    found = (
        frame(PAIRS, history)
        .transform(packed)
        .transform(best_unseen(frame(NEAR, near), avoided, n=n, parts=parts, **options))
    )
    lists: Lists = {}
    for row in found.orderBy("user_id", "rank").collect():
        mine = lists.setdefault(row["user_id"], [])
        mine.append((row["item_id"], row["score"], row["seed_item_id"]))
        assert row["rank"] == len(mine)
    return lists


def brute_force(history: list[Any], near: list[Any], seen: list[Any], n: int) -> Lists:
    found: Lists = {}
    for user in {u for u, _, _ in history}:
        sums: dict[str, float] = {}
        added: dict[str, list[tuple[float, str]]] = {}
        for _, item, weight in sorted(pair for pair in history if pair[0] == user):
            for _, other, similarity in [entry for entry in near if entry[0] == item]:
                sums[other] = sums.get(other, 0.0) + weight * similarity
                added.setdefault(other, []).append((-weight * similarity, item))
        for other in [i for u, i, _ in seen if u == user]:
            sums.pop(other, None)
        best = sorted((-score, item) for item, score in sums.items() if score > 0)[:n]
        if best:
            found[user] = [(item, -score, min(added[item])[1]) for score, item in best]
    return found


@pytest.mark.parametrize("entries_at_once", [100, 2])
def test_a_literal_case(frame: Frame, entries_at_once: int) -> None:
    told = scored(frame, HISTORY, SIMILAR, HISTORY, entries_at_once=entries_at_once)
    assert told == {
        "u": [("c", 0.625, "a"), ("d", 0.625, "b")],
        "v": [("d", 1.5, "b"), ("a", 1.0, "b"), ("c", 0.5, "b")],
    }


def test_without_seen_items_the_history_may_come_back(frame: Frame) -> None:
    assert scored(frame, HISTORY, SIMILAR, None, n=1)["u"] == [("c", 0.625, "a")]
    assert [item for item, _, _ in scored(frame, HISTORY, SIMILAR, None)["u"]] == list("cdba")


def test_nothing_to_score_gives_nothing(frame: Frame) -> None:
    assert scored(frame, [], SIMILAR, []) == {}
    assert scored(frame, HISTORY, [], HISTORY) == {}


def test_a_user_who_has_seen_everything_gets_nothing(frame: Frame) -> None:
    everything = [("v", item, 1.0) for item in "abcd"]
    assert scored(frame, HISTORY, SIMILAR, everything).keys() == {"u"}


@limits(max_examples=6, deadline=None)
@given(
    history=st.dictionaries(
        st.tuples(st.sampled_from("uvwx"), st.sampled_from("abcdefg")),
        st.sampled_from([0.5, 1.0, 3.0]),
    ),
    near=st.dictionaries(
        st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")),
        st.sampled_from([-0.5, 0.25, 0.5, 1.0]),
    ),
    seen=st.sets(st.tuples(st.sampled_from("uvwx"), st.sampled_from("abcdefg"))),
    n=st.integers(1, 8),
    entries_at_once=st.sampled_from([3, 1000]),
)
def test_equals_brute_force(
    frame: Frame, history: Any, near: Any, seen: Any, n: int, entries_at_once: int
) -> None:
    pairs = [(u, i, w) for (u, i), w in history.items()]
    similar = [(a, b, s) for (a, b), s in near.items()]
    avoided = [(u, i, 1.0) for u, i in seen]
    told = scored(frame, pairs, similar, avoided, n, entries_at_once=entries_at_once)
    assert told == brute_force(pairs, similar, avoided, n)
