"""What the page says of how lists were judged, from literal rows: gaps, and what is not defined."""

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nightshelf.config import Config
from nightshelf.jobs.sections.quality import Judged, for_whom, over_time
from nightshelf.report.page import Note, Plot

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


def captions(blocks: Any) -> list[str]:
    return [block.caption for block in blocks if isinstance(block, Plot)]


def notes(blocks: Any) -> list[str]:
    return [block.text for block in blocks if isinstance(block, Note)]


def test_nights_that_were_not_judged_are_gaps(judged: Judged) -> None:
    judged.day = date(2026, 11, 21)
    told = {date(2026, 11, 17): 0.1, date(2026, 11, 18): 0.2, judged.day: 0.3}
    for day, value in told.items():
        judged.cells[day, "nightshelf", f"ndcg@{K}"] = cell(value, 0.05)
    line = judged.line("nightshelf", f"ndcg@{K}", "nightshelf", band=True)
    assert line.days == [date(2026, 11, day) for day in range(17, 24)]
    assert str(line.values) == "[0.1, 0.2, nan, nan, 0.3, nan, nan]"
    assert np.isnan(line.low or ()).tolist() == np.isnan(line.values).tolist()
    shown, _ = captions(over_time(judged).blocks)
    assert shown.endswith("the middle 95 % of draws lie. Not judged: 4 of the 7 nights.")


def test_no_band_is_spoken_of_where_there_is_none(judged: Judged) -> None:
    judged.day = NEWEST
    judged.cells[NEWEST, "nightshelf", f"ndcg@{K}"] = cell(0.1)
    shown, _ = captions(over_time(judged).blocks)
    assert shown.endswith("; too few users were judged for bounds.")


def test_what_is_not_defined_says_why(judged: Judged) -> None:
    judged.day = NEWEST
    seen = "the source does not tell what users saw"
    for metric in ("click_through", "conversion"):
        judged.cells[NEWEST, "nightshelf", f"{metric}@{K}"] = cell(None, why=seen)
    judged.cells[NEWEST, "nightshelf", f"ndcg@{K}"] = cell(0.1, 0.05)
    said = notes(over_time(judged).blocks)
    assert f"Not defined: click_through@{K}, conversion@{K} - {seen}." in said
    assert not any(f"ndcg@{K}" in text for text in said)


def test_a_segment_without_bounds_or_value_says_so(judged: Judged) -> None:
    def segment(name: str, told: Any) -> Any:
        return {"model": "nightshelf", "segment": name, **told}

    judged.segments = [segment("known", cell(0.3, 0.2)), segment("new", cell(0.1, n=1))]
    [shown] = captions(for_whom(judged, NEWEST).blocks)
    assert shown.endswith("An open mark: too few of them for bounds.")
    judged.segments = [segment("new", cell(None, why="no user wanted anything"))]
    assert notes(for_whom(judged, NEWEST).blocks) == ["Not defined: new - no user wanted anything."]
