"""How far a day's features, labels and events are from earlier ones."""

from datetime import date, timedelta

import pytest
from pyspark.sql import DataFrame

from nightshelf.evaluation.drift import divergence, psi
from nightshelf.evaluation.feature_drift import events_moved, features_moved, labels_moved
from tests.conftest import Frame

DS = date(2026, 11, 24)
FEATURES = "user_id string, numbers map<string, double>, categories map<string, string>"


def test_divergence_by_hand() -> None:
    assert divergence([5, 5], [1, 1]) == 0
    assert divergence([5, 0], [0, 3]) == 1
    # From scipy's jensenshannon, squared, base 2.
    assert divergence([1, 1], [2, 0]) == pytest.approx(0.311278, abs=1e-6)
    with pytest.raises(ValueError, match="empty"):
        divergence([0], [1])


def test_features_that_move_and_that_do_not(frame: Frame) -> None:
    before = frame(FEATURES, [
        (f"u{n}", {"same": float(n), "up": float(n), "gone": 1.0}, {"device": "phone"})
        for n in range(100)
    ])  # fmt: skip
    now = frame(FEATURES, [
        (f"u{n}", {"same": float(n), "up": n + 1000.0, "new": 1.0},
         {"device": "phone" if n < 50 else "desk"})
        for n in range(100)
    ])  # fmt: skip
    rows = now.transform(features_moved("user_features", "user_id", before, 1_000)).collect()
    told = {row["name"]: row for row in rows if row["measure"] != "unseen"}
    assert told["same"]["value"] == pytest.approx(0)
    assert told["up"]["value"] == pytest.approx(psi([10] * 10 + [0], [0] * 9 + [100, 0]))
    # One that appears or goes has moved as far as one can.
    assert told["gone"]["value"] == told["new"]["value"] == pytest.approx(psi([1, 0], [0, 1]))
    assert told["device"]["value"] == pytest.approx(divergence([100, 0], [50, 50]))
    assert (told["device"]["measure"], told["up"]["measure"]) == ("divergence", "psi")
    [unseen] = [row for row in rows if row["measure"] == "unseen"]
    assert (unseen["name"], unseen["value"], unseen["values"]) == ("device", 0.5, ["desk"])
    assert {(row["before"], row["now"]) for row in rows} == {(100, 100)}


def test_new_values_are_named_the_most_frequent_first(frame: Frame) -> None:
    def users(*colours: str) -> DataFrame:
        rows = [(f"u{n}", {}, {"user_id": f"u{n}", "c": c}) for n, c in enumerate(colours)]
        return frame(FEATURES, rows)

    now = users("old", "old", "b", "a", "d", "d", "c", "old", "old", "old", "later")
    moved = features_moved("user_features", "user_id", users("old", "gone"), 1_000)
    collected = now.transform(moved).collect()
    rows = {(row["name"], row["measure"]): row for row in collected}
    # Users are new every day: their names are not told.
    assert set(rows) == {("user_id", "divergence"), ("c", "divergence"), ("c", "unseen")}
    assert rows["c", "unseen"]["value"] == pytest.approx(6 / 11)
    assert rows["c", "unseen"]["values"] == ["d", "a", "b"]
    same = users("gone", "old").transform(moved).where("measure = 'unseen'").collect()
    assert [(row["value"], row["values"]) for row in same] == [(0.0, [])]


def test_a_value_that_only_keys_beyond_the_sample_had_is_not_unseen(frame: Frame) -> None:
    before = frame(FEATURES, [(f"u{n}", {}, {"c": f"c{n}"}) for n in range(50)])
    now = frame(FEATURES, [(f"v{n}", {}, {"c": f"c{n}" if n else "new"}) for n in range(50)])
    rows = now.transform(features_moved("user_features", "user_id", before, 1_000)).collect()
    [all_of_them] = [row for row in rows if row["measure"] == "unseen"]
    assert (all_of_them["value"], all_of_them["values"]) == (0.02, ["new"])
    few = now.transform(features_moved("user_features", "user_id", before, 5)).collect()
    [some] = [row for row in few if row["measure"] == "unseen"]
    assert (some["before"], some["now"]) == (5, 5)
    assert some["value"] in (0.0, 0.2)  # whether v0 is one of the five


def test_events_beside_the_median_of_the_days_before(frame: Frame) -> None:
    def day(ago: int, kinds: str) -> list[tuple[str, date]]:
        names = {"v": "view", "p": "purchase"}
        return [(names[kind], DS - timedelta(days=ago)) for kind in kinds]

    events = frame("event_type string, ds date", [
        *day(0, "vvvvvv"), *day(1, "vvp"), *day(2, "vvvvp"), *day(3, "vvvp"), *day(9, "v" * 99),
    ])  # fmt: skip
    told = {row["name"]: row for row in events.transform(events_moved(DS, 7)).collect()}
    assert (told["view"]["value"], told["view"]["before"], told["view"]["now"]) == (1.0, 3, 6)
    assert (told["purchase"]["value"], told["purchase"]["now"]) == (1.0, 0)
    assert told.keys() == {"view", "purchase"}
    assert events.where("false").transform(events_moved(DS, 7)).isEmpty()


def test_labels_of_impressions(frame: Frame) -> None:
    early = DS - timedelta(days=1)
    samples = frame("origin string, labels map<string, double>, weight double, ds date", [
        *[("impression", {"click": float(n < 2)}, 1.0, early) for n in range(10)],
        *[("impression", {"click": float(n < 3)}, 1.0, DS) for n in range(10)],
        ("uniform", {"click": 0.0}, 1.0, DS), ("event", {"cart": 1.0}, 1.0, DS),
    ])  # fmt: skip
    [row] = samples.transform(labels_moved(DS, 7)).collect()
    assert (row["subject"], row["name"], row["before"], row["now"]) == ("labels", "click", 10, 10)
    assert row["value"] == pytest.approx(0.5)


def test_labels_of_impressions_that_stand_for_many_and_of_none(frame: Frame) -> None:
    """Of one in ten impressions without a click that are kept: 1 of 11, and 1 of 21."""
    early = DS - timedelta(days=1)
    told = "origin string, labels map<string, double>, weight double, ds date"
    rows = [
        ("impression", {"click": 1.0, "cart": 1.0}, 1.0, early),
        ("impression", {"click": 0.0, "cart": 0.0}, 10.0, early),
        ("impression", {"click": 1.0, "cart": 0.0}, 1.0, DS),
        *[("impression", {"click": 0.0, "cart": 0.0}, 10.0, DS)] * 2,
    ]
    moved = {
        r["name"]: r["value"] for r in frame(told, rows).transform(labels_moved(DS, 7)).collect()
    }
    assert moved == {"click": pytest.approx(1 - 11 / 21), "cart": 1.0}
    assert frame(told, rows[:2]).transform(labels_moved(DS, 7)).isEmpty()
