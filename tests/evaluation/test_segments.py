"""Kinds of users, as of the day of their lists."""

from datetime import date

from nightshelf.evaluation.segments import segments
from tests.conftest import Frame

POSITIVES = "user_id string, item_id string, ds date"
ITEMS = "item_id string, category string, price double"
USERS = "user_id string, attributes map<string, string>, ds date"
DS = date(2026, 11, 24)


def test_segments(frame: Frame) -> None:
    early, late = date(2026, 10, 1), date(2026, 11, 23)
    positives = frame(POSITIVES, [
        ("u", "a", late), ("u", "a", early), ("u", "b", late), ("u", "c", late),
        ("v", "d", late), ("w", "e", late), ("w", "x", late),
    ])  # fmt: skip
    items = frame(ITEMS, [
        ("a", "tea > green", 1.0), ("b", "tea > black", 2.0), ("c", "mugs", 3.0),
        ("d", "mugs", 4.0), ("e", None, None), ("f", "cake", 0.5),
    ])  # fmt: skip
    users = frame(USERS, [
        ("u", {"device": "phone"}, early), ("u", {"device": "desk"}, late),
        ("u", {"device": "tablet"}, date(2026, 11, 25)), ("v", {"country": "fr"}, late),
        ("idle", {"device": "phone"}, late),
    ])  # fmt: skip
    kinds = segments(DS, items, users, ("device",), categories=1)
    found: dict[str, set[str]] = {}
    for row in positives.transform(kinds).collect():
        assert row["segment"] not in found.setdefault(row["user_id"], set())
        found[row["user_id"]].add(row["segment"])
    assert found == {
        # A quarter, half and three quarters of the catalogue are cheaper than what u wants.
        "u": {"activity:some", "tenure:months", "price:middle", "category:other", "device:desk"},
        # As many users love tea as mugs; the one category is the first by name.
        "v": {"activity:few", "tenure:days", "price:high", "category:mugs"},
        "w": {"activity:few", "tenure:days"},
        "idle": {"device:phone"},
    }
