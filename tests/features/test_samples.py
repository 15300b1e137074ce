"""Samples: labels of impressions, positives, and the negatives drawn for them."""

from collections import Counter, defaultdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from nightshelf.config import FeedbackConfig
from nightshelf.config.model import SamplesConfig
from nightshelf.errors import ConfigError
from nightshelf.features import samples as module
from nightshelf.features.choices import Around, Choices
from nightshelf.features.draws import Shelf, Ways
from nightshelf.features.samples import first_label_day, from_events, from_impressions
from nightshelf.literals import frame_of
from nightshelf.tables import SAMPLES
from nightshelf.tables.hashing import string_hashes
from tests.features.rows import day, events

FEEDBACK = FeedbackConfig()


def config(**keys: Any) -> SamplesConfig:
    return SamplesConfig(**{"train_days": 2, "valid_days": 1, "test_days": 1, **keys})


def around(spark: SparkSession, **changed: Any) -> Around:
    told = {
        "items": frame_of(spark, [], "item_id string, known_since date, repeatable boolean"),
        "neighbours": frame_of(spark, [], "item_id string, neighbour_id string"),
        "half_life_days": 7.0,
        "recent": 3,
        "bought_types": ("purchase",),
        **changed,
    }
    return Around(**told)


def shop(spark: SparkSession, users: int = 12, items: int = 10) -> DataFrame:
    """Days 0 to 5: user u clicks some items each day; every item is known on day 0."""
    first = [("u0", f"i{n:02d}", "click", 0) for n in range(items)]
    later = [
        (f"u{u}", f"i{(u * 3 + d * d + k) % items:02d}", "click", d)
        for u in range(1, users)
        for d in range(6)
        for k in range(1 + u % 2)
    ]
    return events(spark, *first, *later)


def test_label_days_end_with_ds() -> None:
    assert first_label_day(config(), day(5)) == day(2)


def test_a_deed_is_the_last_impressions_before_it(spark: SparkSession) -> None:
    told = events(
        spark,
        ("u", "a", "impression", 4, 10, 3, "s1"),
        ("u", "a", "impression", 4, 20, 7, "s1"),
        ("u", "a", "click", 4, 20, None, "s1"),  # the same second: the impression came first
        ("u", "a", "impression", 4, 30, 1, "s1"),
        ("u", "a", "purchase", 4, 40, None, "s1"),
        ("u", "b", "impression", 5, 10, 2, "s2"),
        ("u", "b", "click", 5, 11, None, "s3"),  # of another session
        ("u", "c", "click", 5, 12, None, "s2"),  # never shown
        ("v", "b", "impression", 2, 5, 1, "s1"),
        ("v", "b", "impression", 1, 5, 1, "s1"),  # before the first label day
    )
    wanted = config(tasks=("click", "cart", "purchase", "like"))
    found = told.transform(from_impressions(wanted, FEEDBACK, day(5))).collect()
    rows = {
        (r.user_id, r.item_id, r.position, r.split, r.ds): tuple(
            r.labels[t] for t in ("click", "cart", "purchase", "like")
        )
        for r in found
    }
    assert rows == {
        ("u", "a", 3, "valid", day(4)): (0, 0, 0, 0),
        ("u", "a", 7, "valid", day(4)): (1, 0, 0, 1),
        ("u", "a", 1, "valid", day(4)): (0, 0, 1, 1),
        ("u", "b", 2, "test", day(5)): (0, 0, 0, 0),
        ("v", "b", 1, "train", day(2)): (0, 0, 0, 0),
    }
    assert len(found) == 5
    assert {(r.origin, r.weight) for r in found} == {("impression", 1.0)}
    assert len({r.sample_id for r in found}) == 5


def test_impressions_without_a_deed_are_thinned_out(spark: SparkSession) -> None:
    shown = [(f"u{n}", "a", "impression", 5, n % 60, 1, "s") for n in range(800)]
    clicked = [(f"u{n}", "a", "click", 5, 100, None, "s") for n in range(100)]
    told = events(spark, *shown, *clicked)
    thinned = from_impressions(config(keep_rate=0.25), FEEDBACK, day(5))
    found = told.transform(thinned).collect()
    kept = Counter((r.labels["click"], r.weight) for r in found)
    assert kept.keys() == {(1.0, 1.0), (0.0, 4.0)}
    assert kept[1.0, 1.0] == 100
    assert 130 < kept[0.0, 4.0] < 220  # 700 / 4, give or take four standard deviations
    again = told.repartition(7, "source_row").transform(thinned).collect()
    assert {r.sample_id for r in again} == {r.sample_id for r in found}
    other = from_impressions(config(keep_rate=0.25, seed=8), FEEDBACK, day(5))
    assert {r.sample_id for r in told.transform(other).collect()} != {r.sample_id for r in found}


def test_samples_keep_the_tables_contract(spark: SparkSession) -> None:
    for found in (
        shop(spark).transform(from_events(config(), FEEDBACK, day(5), around(spark))),
        shop(spark).transform(from_impressions(config(), FEEDBACK, day(5))),
    ):
        assert [(f.name, f.dataType) for f in found.schema] == [
            (f.name, f.dataType) for f in SAMPLES.schema
        ]


@pytest.mark.long
def test_draws_are_the_same_for_any_partitioning_and_other_for_another_seed(
    spark: SparkSession,
) -> None:
    beside = around(spark, neighbours=ring(spark))
    told = shop(spark)
    wanted = from_events(config(), FEEDBACK, day(5), beside)
    one = sorted(told.coalesce(1).transform(wanted).collect())
    many = sorted(told.repartition(7, "source_row").transform(wanted).collect())
    assert one == many
    assert len({r.sample_id for r in one}) == len(one)
    assert {r.origin for r in one} == {"event", "uniform", "popular", "hard"}
    other = told.transform(from_events(config(seed=8), FEEDBACK, day(5), beside)).collect()
    assert sorted(other) != one
    assert positives(other) == positives(one)


def positives(rows: list[Row]) -> set[tuple[Any, ...]]:
    return {(r.user_id, r.item_id, r.ds) for r in rows if r.origin == "event"}


def ring(spark: SparkSession, items: int = 10) -> DataFrame:
    pairs = [(f"i{n:02d}", f"i{(n + k) % items:02d}") for n in range(items) for k in (1, 2)]
    return frame_of(spark, pairs, "item_id string, neighbour_id string")


def test_negatives_are_known_items_not_wanted_that_day_nor_bought_before(
    spark: SparkSession,
) -> None:
    told = shop(spark).unionByName(events(spark, ("u1", "new", "click", 4)))
    found = told.transform(
        from_events(config(negatives=20), FEEDBACK, day(5), around(spark, neighbours=ring(spark)))
    ).collect()
    wanted: dict[str, dict[str, int]] = defaultdict(dict)
    log, seen = told.collect(), 0
    for r in log:
        wanted[r.user_id].setdefault(r.item_id, (r.ds - day(0)).days)
    drawn = [r for r in found if r.origin != "event"]
    assert drawn
    for r in drawn:
        assert r.labels == {"click": 0.0}
        own = [e for e in log if (e.user_id, e.item_id) == (r.user_id, r.item_id)]
        assert all(e.ds != r.ds for e in own)
        assert all(e.ds > r.ds for e in own if e.event_type == "purchase")
        seen += any(e.ds < r.ds for e in own)
        assert r.item_id != "new" or r.ds > day(4)
    assert seen  # what was looked at before is no answer known in advance
    assert any(r.item_id == "new" for r in drawn)
    assert ("u1", "new") not in {(r.user_id, r.item_id) for r in found if r.origin == "event"}
    near = {(r.item_id, r.neighbour_id) for r in ring(spark).collect()}
    for r in drawn:
        if r.origin == "hard":
            before = {i for i, d in wanted[r.user_id].items() if d < (r.ds - day(0)).days}
            assert any((item, r.item_id) in near for item in before)


def test_what_comes_later_leaves_no_trace(spark: SparkSession) -> None:
    wanted = from_events(config(), FEEDBACK, day(5), around(spark, neighbours=ring(spark)))
    told = shop(spark)
    later = events(
        spark,
        *((f"u{u}", f"i{n:02d}", "purchase", 5) for u in range(9) for n in range(10)),
        ("u1", "i05", "purchase", 6),
        ("u1", "new", "purchase", 6),
    )
    before = told.transform(wanted).where("ds < date'2026-11-06'").collect()
    after = told.unionByName(later).transform(wanted).where("ds < date'2026-11-06'").collect()
    assert sorted(before) == sorted(after)
    assert {r.ds for r in before} == {day(2), day(3), day(4)}


def test_bought_items_are_no_positives_again_unless_repeatable(spark: SparkSession) -> None:
    told = events(
        spark,
        ("u", "a", "purchase", 1),
        ("u", "b", "purchase", 1),
        ("u", "c", "click", 1),
        *(("u", item, kind, 3) for item in "abc" for kind in ("click", "purchase")),
    )
    items = frame_of(
        spark,
        [("b", day(0), True), ("z", day(0), False)],
        "item_id string, known_since date, repeatable boolean",
    )
    found = told.transform(
        from_events(
            config(tasks=("like", "purchase")), FEEDBACK, day(5), around(spark, items=items)
        )
    ).collect()
    positives = {r.item_id: r.labels for r in found if r.origin == "event"}
    assert positives == {"b": {"like": 1, "purchase": 1}, "c": {"like": 1, "purchase": 1}}
    assert {r.item_id for r in found if r.origin != "event"} == {"z"}


def test_what_was_bought_is_had_whatever_a_purchase_weighs(spark: SparkSession) -> None:
    told = events(
        spark,
        *(("v", item, "click", 1) for item in "abcz"),
        ("u", "a", "purchase", 1),
        ("u", "a", "click", 3),
        ("u", "b", "click", 3),
        ("u", "b", "purchase", 3),
        ("u", "c", "purchase", 3),
    )
    clicks = FeedbackConfig(weights={"click": 1.0})
    found = told.transform(
        from_events(config(tasks=("like", "purchase")), clicks, day(5), around(spark))
    ).collect()
    positives = {r.item_id: r.labels for r in found if r.origin == "event"}
    assert positives == {"b": {"like": 1, "purchase": 1}}
    assert {r.item_id for r in found if r.origin != "event"} == {"z"}


def test_low_ratings_are_real_negatives(spark: SparkSession) -> None:
    told = events(
        spark,
        ("v", "a", "rating", 0, 0, None, "s", 5.0),
        ("v", "b", "rating", 0, 0, None, "s", 1.0),
        ("u", "a", "rating", 3, 0, None, "s", 5.0),
        ("u", "b", "rating", 3, 0, None, "s", 2.0),
    )
    found = told.transform(from_events(config(), FEEDBACK, day(5), around(spark))).collect()
    assert {(r.user_id, r.item_id, r.origin, r.labels["click"], r.weight) for r in found} == {
        ("u", "a", "event", 1.0, 1.0),
        ("u", "b", "event", 0.0, 1.0),
    }
    unrated = FeedbackConfig(weights={"purchase": 1.0})
    assert told.transform(from_events(config(), unrated, day(5), around(spark))).count() == 0


def test_weights_add_up_to_what_was_not_chosen(spark: SparkSession) -> None:
    """In expectation, by every mixture of ways; two positives on the day draw together."""
    told = events(
        spark,
        *((f"v{n % 7}", f"i{n % 40:02d}", "click", 0) for n in range(0, 400, 3)),
        *(("x", f"i{n:02d}", "click", 0) for n in range(40)),
        *((f"u{n}", "i00", "click", 1) for n in range(200)),
        *((f"u{n}", item, "click", 2) for n in range(200) for item in ("i10", "i11")),
    )
    pairs = [("i00", f"i{n:02d}") for n in range(5, 15)]
    neighbours = frame_of(spark, pairs, "item_id string, neighbour_id string")
    drawn = config(negatives=10, draws={"uniform": 0.4, "popular": 0.2, "hard": 0.4})
    found = told.transform(
        from_events(drawn, FEEDBACK, day(5), around(spark, neighbours=neighbours))
    ).where("origin != 'event'")
    totals = {r[0]: r[1] for r in found.groupBy("item_id").sum("weight").collect()}
    assert totals.keys() == {f"i{n:02d}" for n in range(40)} - {"i10", "i11"}
    assert sum(totals.values()) == pytest.approx(200 * 38, rel=0.03)
    assert totals["i00"] == pytest.approx(200, rel=0.4)  # looked at before, not bought
    assert totals["i05"] == pytest.approx(200, rel=0.25)
    assert totals["i30"] == pytest.approx(200, rel=0.4)


def test_popular_draws_follow_the_decayed_positives(spark: SparkSession) -> None:
    told = events(
        spark,
        *((f"v{n}", "old", "click", 0) for n in range(80)),
        *((f"v{n}", "new", "click", 1) for n in range(20)),
        ("x", "a", "click", 0),
        *((f"u{n}", "a", "click", 2) for n in range(500)),
    )
    popular = config(draws={"popular": 1.0}, negatives=4)
    found = told.transform(
        from_events(popular, FEEDBACK, day(5), around(spark, half_life_days=1.0))
    )
    drawn = Counter(r.item_id for r in found.where("origin = 'popular'").collect())
    # As of day 1: 80 / 2 of old, 20 of new, 1 / 2 of a, which nobody may draw.
    assert drawn.total() == pytest.approx(2000 * 60 / 60.5, rel=0.02)
    assert drawn["old"] / drawn["new"] == pytest.approx(2.0, rel=0.15)


def test_draws_need_a_share(spark: SparkSession) -> None:
    with pytest.raises(ConfigError, match=r"samples\.draws: expected a share above 0"):
        from_events(config(draws={"uniform": 0.0}), FEEDBACK, day(5), around(spark))


def test_a_batch_is_cut_between_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four items known from day 9 on; ten users, some with many deeds, cut anywhere."""
    ids = pa.array(["a", "b", "c", "d"])
    hashes = string_hashes(ids)
    shelf = Shelf(
        hashes=hashes,
        repeatable=np.zeros(4, np.bool_),
        first=10,
        known=np.array([4, 4], np.int32),
        mass=np.cumsum([[1.0, 0.0, 2.0, 0.0]] * 2, axis=1),
        nearby=np.array([0, 2, 2, 3, 3]),
        neighbours=np.array([1, 3, 0], np.int32),
    )
    choices = SimpleNamespace(value=Choices(ids, np.argsort(hashes, kind="stable"), shelf))
    deeds = [
        [{"item_id": "abcd"[(u + n) % 4], "day": 9 + n % 3, "mask": 9} for n in range(u % 4)]
        for u in range(10)
    ]
    kind = pa.struct({"item_id": pa.string(), "day": pa.int32(), "mask": pa.int32()})
    batch = pa.RecordBatch.from_arrays(
        [pa.array([f"u{u}" for u in range(10)]), pa.array(deeds, pa.list_(kind))],
        ["user_id", "deeds"],
    )
    ways = Ways(4, np.array([0.5, 0.25, 0.25]), 3, 7)
    made = []
    for at_once in (1, 3, 1000):
        monkeypatch.setattr(module, "ENTRIES_AT_ONCE", at_once)
        for some in ([batch], [batch.slice(0, 4), batch.slice(4)]):
            made.append(pa.Table.from_batches(module._task(choices, ways)(some)).to_pylist())
    assert len(made[0]) > 15
    assert all(rows == made[0] for rows in made)
