"""The newest titles of a user, as of a day."""

from datetime import UTC, date, datetime

from nightshelf.text.recent import recent_titles
from tests.conftest import Frame


def test_newest_titles_before_the_day(frame: Frame) -> None:
    def row(user: str, item: str, day: int, hour: int) -> tuple[object, ...]:
        at = datetime(2026, 3, day, hour, tzinfo=UTC)
        return (user, item, at, at.date())

    positives = frame(
        "user_id string, item_id string, event_ts timestamp, ds date",
        [
            row("u", "a", 1, 9), row("u", "b", 2, 9), row("u", "c", 3, 8), row("u", "a", 3, 9),
            row("u", "d", 4, 9), row("u", "x", 3, 10), row("v", "a", 4, 9),
        ],
    )  # fmt: skip
    titles = frame("item_id string, title string", [(i, f"title {i}") for i in "abcd"])
    asked = frame(
        "user_id string, ds date, n int",
        [("u", date(2026, 3, 4), 1), ("u", date(2026, 3, 2), 2), ("v", date(2026, 3, 4), 3)],
    )
    found = asked.transform(recent_titles(positives, titles, 2)).collect()
    # x has no title; what is of the day itself would tell the answer.
    assert {row["n"]: row["query"] for row in found} == {1: "title a\ntitle c", 2: "title a"}
