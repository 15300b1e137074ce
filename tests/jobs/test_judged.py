"""What the page says of how lists were judged, from literal rows."""

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from nightshelf.config import Config
from nightshelf.jobs.sections.quality import Judged, for_whom, over_time
from nightshelf.report.page import Note

DS = date(2026, 11, 24)
NEWEST = DS - timedelta(days=1)
K = 10


def cell(value: float | None, low: float | None = None, why: str | None = None, n: int = 9) -> Any:
    return {"value": value, "low": low, "high": low and low + 0.2, "n": n, "why": why}


@pytest.fixture
def judged() -> Judged:
    """Of a night before which nothing was judged."""
    store = SimpleNamespace(version=lambda _: None)
    config = Config(evaluate={"ks": (K,), "horizon_days": 1})
    night: Any = SimpleNamespace(ds=DS, config=config, store=store)
    return Judged(night)


def notes(blocks: Any) -> list[str]:
    return [block.text for block in blocks if isinstance(block, Note)]


def test_what_is_not_defined_says_why(judged: Judged) -> None:
    judged.day = NEWEST
    seen = "the source does not tell what users saw"
    for metric in ("click_through", "conversion"):
        judged.cells[NEWEST, "nightshelf", f"{metric}@{K}"] = cell(None, why=seen)
    judged.cells[NEWEST, "nightshelf", f"ndcg@{K}"] = cell(0.1, 0.05)
    said = notes(over_time(judged).blocks)
    assert f"Not defined: click_through@{K}, conversion@{K} - {seen}." in said
    assert not any(f"ndcg@{K}" in text for text in said)


def test_a_segment_without_a_value_says_why(judged: Judged) -> None:
    told = cell(None, why="no user wanted anything")
    judged.segments = [{"model": "nightshelf", "segment": "new", **told}]
    assert notes(for_whom(judged, NEWEST).blocks) == ["Not defined: new - no user wanted anything."]
