"""What was shown for queries, and what its clicks say."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from nightshelf.search.clicks import labels, position_based, shown
from tests.conftest import Frame
from tests.search.yandex import log_losses

EVENTS = (
    "user_id string, session_id string, event_type string, item_id string, position int, "
    "query string, event_ts timestamp, source_row string"
)
COUNTS = "query string, item_id string, position int, shown bigint, clicked bigint"


def at(second: int) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=second)


def test_impressions_are_linked_to_their_search(frame: Frame) -> None:
    def row(second: int, kind: str, item: str | None = None, **told: object) -> tuple[object, ...]:
        given = {"position": None, "query": None, "session": "s", **told}
        return (
            "u", given["session"], kind, item, given["position"], given["query"], at(second),
            f"{kind}-{second}",
        )  # fmt: skip

    events = frame(
        EVENTS,
        [
            row(0, "search", query="mug"),
            row(0, "impression", "a", position=1),  # at the same moment
            row(1, "impression", "b", position=2),
            row(9, "click", "b"),
            row(31, "impression", "a", position=1),  # too late for the search
            row(40, "search", query="lamp"),
            row(41, "impression", "b", position=70),  # shown again, and not clicked
            row(41, "impression", "c"),  # nobody knows where
            row(42, "impression", "d", position=3, query="mug"),  # tells its query itself
            row(43, "click", "d"),
            row(50, "click", "e"),  # logs count in seconds
            row(50, "impression", "e", position=4),
            row(41, "impression", "a", position=1, session="other"),
            row(60, "search", query=" MUG"),  # another form of the first
            row(61, "impression", "b", position=2),
            row(62, "impression", "b", position=2, query="<br>"),  # no words of anyone
        ],
    )
    found = {tuple(row) for row in events.transform(shown(30)).collect()}
    assert found == {
        ("mug", "a", 1, 1, 0),
        ("mug", "b", 2, 2, 1),
        ("lamp", "b", 50, 1, 0),
        ("mug", "d", 3, 1, 1),
        ("lamp", "e", 4, 1, 1),
    }


def test_a_planted_curve_is_found() -> None:
    generator = np.random.default_rng(0)
    curve = np.array([1.0, 0.6, 0.4, 0.2])
    attraction = generator.beta(2, 5, 200)
    pair, place = np.repeat(np.arange(200), 4), np.tile(np.arange(4), 200)
    # Attractive items are shown further up, as a shop does: click rates fall faster than looks.
    looks = np.where(place < 2, 20 + 200 * attraction[pair], 120 - 200 * attraction[pair])
    times = np.maximum(looks, 10).astype(np.int64)
    clicks = generator.binomial(times, curve[place] * attraction[pair])
    table = pa.table(
        {
            "query": [f"q{n // 20}" for n in pair], "item_id": [f"i{n}" for n in pair],
            "position": place + 1, "shown": times, "clicked": clicks,
        }
    )  # fmt: skip
    found = position_based(table)
    assert found.examination == pytest.approx(curve, abs=0.05)
    order = [int(item[1:]) for item in found.pairs["item_id"].to_pylist()]
    assert np.corrcoef(found.attraction, attraction[order])[0, 1] > 0.95
    rates = np.bincount(place, clicks) / np.bincount(place, times)
    assert np.abs(rates / rates[0] - curve).max() > 0.1  # what is not corrected is wrong


def test_labels_by_hand(frame: Frame) -> None:
    rows = [("q", "a", 1, 10, 4), ("q", "a", 2, 10, 1), ("q", "b", 2, 4, 3)]
    found = frame(COUNTS, rows).transform(lambda c: labels(c, np.array([1.0, 0.5]), 1.0)).collect()
    told = {row["item_id"]: (row["label"], row["weight"]) for row in found}
    base = 8 / 17
    assert told["a"] == pytest.approx(((5 + base) / 16, 15.0))
    assert told["b"] == (1.0, 2.0)  # more clicks than looks


def test_a_position_that_nothing_was_learnt_of_is_no_error(frame: Frame) -> None:
    """One beyond those learnt from counts as the last; a gap among them as hardly looked at."""
    rows = [("q", "a", 1, 1, 1), ("q", "b", 9, 2, 0), ("q", "c", 2, 3, 0)]
    curve = np.array([1.0, 0.0, 0.5])
    found = frame(COUNTS, rows).transform(lambda c: labels(c, curve, 0.0)).collect()
    told = {row["item_id"]: row["weight"] for row in found}
    assert told == pytest.approx({"a": 1.0, "b": 1.0, "c": 0.003})


def test_real_clicks_are_told_better_than_by_position_or_pair_alone(shared_data: Path) -> None:
    found = log_losses(shared_data / "yandex-clicks")
    assert found["model"] < min(found["position"], found["pair"])
