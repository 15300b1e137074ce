"""Metrics of lists by segment and source: by hand, and against plain Python."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.evaluation.facts import facts_of
from nightshelf.evaluation.figures import figures, user_metrics
from nightshelf.evaluation.intervals import differences, means
from nightshelf.evaluation.list_metrics import NEEDED
from nightshelf.evaluation.people import Outcomes
from nightshelf.sending import send
from tests.conftest import Frame

PARTITIONS = "spark.sql.shuffle.partitions"
LISTS = "user_id string, item_id string, rank int, score double, source string"
PAIRS = "user_id string, item_id string"
RANKED = "user_id string, item_id string, rank int"
ITEMS = "item_id string, category string, price double"
LOGGED = f"{PAIRS}, position int, shown bigint, weight double, clicked double"
SHOWN = f"{PAIRS}, shown bigint, clicked bigint, bought bigint"


def told(
    lists: DataFrame,
    outcomes: Outcomes,
    items: DataFrame,
    before: DataFrame,
    ks: Sequence[int],
    untold: Mapping[str, str] | None = None,
) -> dict[tuple[str, str, str], Any]:
    facts = send(lists.sparkSession.sparkContext, facts_of(items, before))
    rows = (
        lists.transform(figures(outcomes, facts, ks))
        .transform(means(ks, 200, untold or {}))
        .collect()
    )
    return {(row["source"], row["segment"], row["metric"]): row for row in rows}


@pytest.mark.parametrize("parts", ["1", "16"])
def test_by_hand(
    frame: Frame, spark: SparkSession, request: pytest.FixtureRequest, parts: str
) -> None:
    usual = spark.conf.get(PARTITIONS)
    request.addfinalizer(lambda: spark.conf.set(PARTITIONS, str(usual)))
    spark.conf.set(PARTITIONS, parts)  # what is told does not hang on them
    lists = frame(LISTS, [
        ("u", "b", 2, 0.8, "cf"), ("u", "a", 1, 0.9, "cf"), ("u", "c", 3, 0.7, "trend"),
        ("v", "a", 1, 0.9, "cf"), ("v", "b", 2, 0.8, "cf"),
        ("__new__", "c", 1, 0.5, "trend"), ("__new__", "d", 2, 0.4, "trend"),
        ("idle", "a", 1, 0.5, "cf"),
    ])  # fmt: skip
    wanted = frame(PAIRS, [("u", "b"), ("u", "z"), ("v", "y"), ("w", "d")])
    before = frame(PAIRS, [("u", "a"), ("u", "c"), ("v", "a"), ("x", "a"), ("y", "b")])
    items = frame(ITEMS, [
        ("a", "tea", 1.0), ("b", "tea", math.e), ("c", "mugs", math.e**2), ("d", None, None),
    ])  # fmt: skip
    segments = frame("user_id string, segment string", [("u", "device:phone"), ("gone", "x")])
    shown = frame(SHOWN, [("u", "a", 2, 0, 0), ("u", "b", 2, 1, 1), ("w", "d", 1, 1, 0)])
    found = told(lists, Outcomes(wanted, shown, before, segments), items, before, (2, 3))

    def value(metric: str, segment: str = "all", source: str = "all") -> float:
        return float(found[source, segment, metric]["value"])

    second = 1 / math.log2(3)
    best = 1 + second
    # u: a hit at 2 of 2 wanted; v: none; w, by the list for new users: a hit at 2 of 1.
    assert value("precision@2") == pytest.approx((0.5 + 0 + 0.5) / 3)
    assert value("recall@2") == pytest.approx((0.5 + 0 + 1) / 3)
    assert value("f1@2") == pytest.approx((2 / 4 + 0 + 2 / 3) / 3)
    assert value("hit_rate@3", "known") == pytest.approx(1 / 2)
    assert value("ndcg@3", "known") == pytest.approx(second / best / 2)
    assert value("ndcg@2", "new") == pytest.approx(second)
    assert value("map@3") == pytest.approx((0.5 / 2 + 0 + 0.5) / 3)
    assert value("mrr@3") == pytest.approx((0.5 + 0 + 0.5) / 3)
    assert value("recall@3", "device:phone") == pytest.approx(0.5)
    assert ("all", "x", "recall@3") not in found
    # b is the third of those wanted before (a: 3 users, b: 1, c: 1), so no surprise among three.
    assert value("serendipity@2") == pytest.approx((0 + 0 + 0.5) / 3)
    # u's list has its hit above one other row and below one; w's below one.
    assert value("gauc@3") == pytest.approx((3 * 0.5 + 2 * 0.0) / 5)
    assert value("click_through@2") == pytest.approx(2 / 5)
    assert found["all", "all", "click_through@2"]["n"] == 5
    assert value("conversion@2") == pytest.approx(1 / 5)
    # Of the pairs in u's list one of three is alike; v's only pair is.
    assert value("diversity@3", "known") == pytest.approx((2 / 3 + 0) / 2)
    bits = {"a": -math.log2(3 / 4), "b": -math.log2(1 / 4), "c": -math.log2(1 / 4), "d": 3.0}
    assert value("novelty@2", "new") == pytest.approx((bits["c"] + bits["d"]) / 2)
    # u's list shows two of three in tea, where one of two wanted was; v's is as before.
    gap = 0.5 * math.log(0.5 / (0.99 * 2 / 3 + 0.005)) + 0.5 * math.log(0.5 / (0.99 / 3 + 0.005))
    assert value("category_gap@3") == pytest.approx(gap / 2)
    assert value("price_gap@3", "known") == pytest.approx((0.0 + 0.5) / 2)
    assert value("share@3", source="cf") == pytest.approx(5 / 8)
    assert value("precision@3", source="trend") == pytest.approx(1 / 3)
    assert found["all", "new", "ndcg@2"]["low"] is None  # one user


def test_clicks_as_if_the_lists_had_been_shown(frame: Frame) -> None:
    lists = frame(LISTS, [
        ("u", "a", 1, 0.9, "cf"), ("u", "b", 2, 0.8, "cf"),
        ("__new__", "b", 1, 0.5, "trend"), ("__new__", "a", 2, 0.4, "trend"),
    ])  # fmt: skip
    logged = frame(LOGGED, [
        ("u", "a", 1, 4, 8.0, 2.0),  # a in its place half of the time, clicked once
        ("u", "b", 1, 6, 12.0, 2.0),  # b where the list has a
        ("u", "b", 2, 1, 10.0, 10.0),
        ("u", "z", 3, 5, 5.0, 5.0),  # in a place that lists of two do not have
        ("w", "b", 1, 2, 3.0, 0.0), ("w", "c", 2, 3, 3.0, 1.0),
    ])  # fmt: skip
    items = frame(ITEMS, [("a", "tea", 1.0)])
    wanted = frame(PAIRS, [("u", "b")])
    found = told(lists, Outcomes(wanted, logged=logged), items, wanted, (1, 2))

    def row(metric: str, segment: str = "all") -> Any:
        return found["all", segment, metric]

    assert row("ips_click_through@1")["value"] == pytest.approx(2.0 / (4 + 6 + 2))
    assert row("ips_click_through@2")["value"] == pytest.approx((2.0 + 10.0) / (4 + 6 + 1 + 2 + 3))
    assert row("ips_click_through@2")["n"] == 16
    assert row("snips_click_through@1")["value"] == pytest.approx(2.0 / (8 + 3))
    assert row("snips_click_through@2", "known")["value"] == pytest.approx(12.0 / 18)
    assert row("snips_click_through@2", "new")["value"] == 0.0
    assert row("precision@1")["n"] == 1  # w wanted nothing


def test_an_estimate_is_that_of_the_lists_when_shown(frame: Frame) -> None:
    """From the log of a policy that draws at random: the rate that the lists would have had."""
    rng = np.random.default_rng(5)
    items, users, times = ["a", "b", "c"], 400, 60
    best = {f"u{n}": items[n % 3] for n in range(users)}
    shares = np.array([0.6, 0.3, 0.1])
    rows: dict[tuple[str, str], list[float]] = {}
    for user, loved in best.items():
        for item in rng.choice(3, times, p=shares):
            clicked = rng.random() < (0.3 if items[item] == loved else 0.1)
            sums = rows.setdefault((user, items[item]), [0, 0.0, 0.0])
            sums[0] += 1
            sums[1] += 1 / shares[item]
            sums[2] += clicked / shares[item]
    logged = frame(
        LOGGED, [(*pair, 1, int(n), float(w), float(c)) for pair, (n, w, c) in rows.items()]
    )
    lists = frame(LISTS, [(user, loved, 1, 1.0, "cf") for user, loved in best.items()])
    wanted = frame(PAIRS, [("u0", "a")])
    found = told(lists, Outcomes(wanted, logged=logged), frame(ITEMS, []), wanted, (1,))
    for name in ("ips_click_through@1", "snips_click_through@1"):
        row = found["all", "all", name]
        assert row["value"] == pytest.approx(0.3, abs=0.02)  # what was shown has .10 to .24
        assert row["low"] < 0.3 < row["high"]


def test_of_single_users(frame: Frame) -> None:
    lists = frame(RANKED, [
        ("u", "a", 1), ("u", "b", 2), ("u", "c", 3), ("v", "a", 1), ("v", "b", 2), ("v", "c", 3),
        ("__new__", "c", 1), ("__new__", "d", 2), ("__new__", "e", 3),
    ])  # fmt: skip
    relevant = frame(PAIRS, [("u", "b"), ("u", "z"), ("v", "y"), ("w", "d")])
    rows = lists.transform(user_metrics(relevant, [2, 3])).collect()
    told = {r["user_id"]: r.asDict() for r in rows}
    second = 1 / math.log2(3)
    assert told["u"] == {
        "user_id": "u", "segment": "known",
        "precision@2": 0.5, "recall@2": 0.5, "hit_rate@2": 1.0,
        "ndcg@2": pytest.approx(second / (1 + second)), "map@2": 0.25,
        "precision@3": pytest.approx(1 / 3), "recall@3": 0.5, "hit_rate@3": 1.0,
        "ndcg@3": pytest.approx(second / (1 + second)), "map@3": 0.25,
    }  # fmt: skip
    assert (told["v"]["ndcg@3"], told["v"]["hit_rate@2"], told["v"]["segment"]) == (
        0.0,
        0.0,
        "known",
    )
    assert (told["w"]["segment"], told["w"]["ndcg@2"]) == ("new", pytest.approx(second))


def test_what_is_not_defined_is_null_with_a_reason(frame: Frame) -> None:
    lists = frame(LISTS, [("u", "a", 1, 0.9, "cf")])
    nothing = frame(PAIRS, [])
    found = told(lists, Outcomes(nothing), frame(ITEMS, [("a", None, None)]), nothing, (5,))
    row = found["all", "all", "ndcg@5"]
    assert (row["value"], row["n"], row["why"]) == (None, 0, "no user with something to judge by")
    assert found["all", "all", "gauc@5"]["value"] is None
    assert "no list with two items" in found["all", "all", "diversity@5"]["why"]
    assert found["all", "all", "novelty@5"]["why"] is None
    assert ("cf", "all", "precision@5") not in found


def test_what_the_source_does_not_tell_is_null_and_not_zero(frame: Frame) -> None:
    """Impressions and clicks, but no purchases, and no click with a propensity."""
    lists = frame(LISTS, [("u", "a", 1, 0.9, "cf")])
    wanted = frame(PAIRS, [("u", "a")])
    shown = frame(SHOWN, [("u", "a", 4, 1, 0)])
    logged = frame(LOGGED, [("u", "a", 1, 4, 8.0, 0.0)])
    untold = {metric: f"no {of}" for metric, (of, _) in NEEDED.items() if of != "click"}
    outcomes = Outcomes(wanted, shown, logged=logged)
    found = told(lists, outcomes, frame(ITEMS, [("a", None, 1.0)]), wanted, (1,), untold)
    assert found["all", "all", "click_through@1"]["value"] == 0.25
    for metric, why in (("conversion@1", "no purchase"), ("ips_click_through@1", "no logged_click"),
                        ("snips_click_through@1", "no logged_click")):  # fmt: skip
        row = found["all", "all", metric]
        assert (row["value"], row["low"], row["n"], row["why"]) == (None, None, 0, why)
    assert ("cf", "all", "conversion@1") not in found
    assert found["cf", "all", "click_through@1"]["value"] == 0.25
    unseen = told(lists, Outcomes(wanted), frame(ITEMS, []), wanted, (1,), untold)
    assert "no row of the lists was shown" in unseen["all", "all", "conversion@1"]["why"]


def test_bounds_are_of_those_who_count(frame: Frame) -> None:
    """Of three users in a segment one wanted something: how sure its mean is, is not known."""
    users = ("u", "v", "w")
    lists = frame(LISTS, [(user, "a", 1, 0.9, "cf") for user in users])
    outcomes = Outcomes(
        frame(PAIRS, [("u", "a"), ("x", "b")]),
        segments=frame("user_id string, segment string", [(user, "some") for user in users]),
    )
    items, nothing = frame(ITEMS, [("a", None, 1.0)]), frame(PAIRS, [])
    row = told(lists, outcomes, items, nothing, (5,))["all", "some", "recall@5"]
    assert (row["value"], row["n"], row["low"], row["high"]) == (1.0, 1, None, None)


def test_only_what_is_over_the_same_users_is_compared(frame: Frame) -> None:
    """`b` has a hit for one more user, at the end of the list: its gauc falls, yet it is better."""
    users = [f"u{n}" for n in range(4)]
    same = [(user, item, rank, 1 / rank, "cf") for user in users[:3]
            for rank, item in enumerate("ab", 1)]  # fmt: skip
    wanted = frame(PAIRS, [*((user, "a") for user in users[:3]), ("u3", "b")])
    shown = frame(SHOWN, [(user, item, 1, 1, 1) for user in users for item in "ab"])
    logged = frame(LOGGED, [(user, "a", 1, 2, 4.0, 2.0) for user in users])
    outcomes = Outcomes(wanted, shown, logged=logged)
    facts = send(wanted.sparkSession.sparkContext, facts_of(frame(ITEMS, []), wanted))
    both = [
        frame(LISTS, [*same, ("u3", "c", 1, 0.9, "cf"), ("u3", second, 2, 0.8, "trend")])
        .transform(figures(outcomes, facts, (2,)))
        .withColumn("is_b", F.lit(is_b))
        for second, is_b in (("d", False), ("b", True))
    ]
    rows = (
        both[0]
        .unionByName(both[1])
        .transform(differences((2,), 200, {"precision": "not told"}))
        .collect()
    )
    found = {(r["source"], r["metric"]): r for r in rows if r["segment"] == "all"}
    assert (found["all", "recall@2"]["a"], found["all", "recall@2"]["b"]) == (0.75, 1.0)
    assert found["all", "ips_click_through@2"]["difference"] == 0.0
    own = ("gauc@2", "click_through@2", "conversion@2", "snips_click_through@2")
    assert ("all", "precision@2") not in found
    assert not {("all", metric) for metric in own} & found.keys()
    assert {metric for source, metric in found if source != "all"} == {"share@2"}


def plain(ranked: list[str], wanted: set[str], k: int) -> Mapping[str, float]:
    hits = [place for place, item in enumerate(ranked[:k], 1) if item in wanted]
    best = sum(1 / math.log2(place + 1) for place in range(1, min(len(wanted), k) + 1))
    return {
        "precision": len(hits) / k,
        "recall": len(hits) / len(wanted),
        "f1": 2 * len(hits) / (k + len(wanted)),
        "hit_rate": float(bool(hits)),
        "ndcg": sum(1 / math.log2(place + 1) for place in hits) / best,
        "map": sum(n / place for n, place in enumerate(hits, 1)) / len(wanted),
        "mrr": 1 / hits[0] if hits else 0.0,
    }


def test_equals_plain_python_on_random_lists_of_any_length(frame: Frame) -> None:
    rng = np.random.default_rng(3)
    lists = {
        f"u{u}": [f"i{i}" for i in rng.permutation(30)[: rng.integers(1, 21)]] for u in range(300)
    }
    wanted = {
        user: {f"i{i}" for i in rng.choice(30, rng.integers(1, 9), replace=False)} for user in lists
    }
    ranked = frame(
        LISTS,
        [(u, i, r, 1 / r, "cf") for u, items in lists.items() for r, i in enumerate(items, 1)],
    )
    pairs = frame(PAIRS, [(u, i) for u, items in wanted.items() for i in items])
    items = frame(ITEMS, [(f"i{i}", "c", 1.0) for i in range(30)])
    found = told(ranked, Outcomes(pairs), items, pairs, (5, 20))
    for k in (5, 20):
        each = [plain(lists[user], wanted[user], k) for user in lists]
        for metric in each[0]:
            row = found["all", "all", f"{metric}@{k}"]
            values = [some[metric] for some in each]
            assert row["value"] == pytest.approx(np.mean(values), abs=1e-9), metric
            # The bootstrap's interval is about as wide as the normal one.
            margin = 1.96 * np.std(values) / math.sqrt(len(values))
            assert row["high"] - row["low"] == pytest.approx(2 * margin, rel=0.25), metric
            assert row["low"] < row["value"] < row["high"]
