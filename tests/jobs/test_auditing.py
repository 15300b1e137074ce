"""A night whose lists do not pass their audits publishes nothing, and says which limit it was."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from nightshelf.config import load
from nightshelf.errors import DataQualityError
from nightshelf.jobs.auditing import steady
from nightshelf.tables import GOLD_RECOMMENDATIONS, ITEM_NEIGHBOURS, SERVING_RECOMMENDATIONS
from nightshelf.tables.commits import ROWS_BY_DAY, Commit, Commits
from tests.jobs.conftest import PLAIN, Invoke, Shop


def test_lists_that_break_a_limit_leave_readers_what_they_have(
    invoke: Invoke, nights: Shop
) -> None:
    told = (*PLAIN, "--conf-file", nights.conf, "--ds", "2026-11-24")
    tables = (GOLD_RECOMMENDATIONS, SERVING_RECOMMENDATIONS)
    before = [nights.store.version(table) for table in tables]
    limits = ("max_fallback=0.01", "min_catalogue_coverage=1.0")
    sets = [word for limit in limits for word in ("--set", f"audits.{limit}")]
    held = invoke("recommend", *told, *sets)
    assert held.code == 65
    assert held.error.startswith("gold.recommendations: held back by its audits, nothing published")
    for said in ("most 0.01 (audits.max_fallback)", "least 1 (audits.min_catalogue_coverage)"):
        assert said in held.error
    assert [nights.store.version(table) for table in tables] == before
    assert invoke("recommend", *told).code == 0
    manifest = nights.store.last_manifest(GOLD_RECOMMENDATIONS)
    assert manifest["k"] == 2
    figures = manifest["audits"]
    assert figures["users_covered"] == 1.0
    assert set(figures) == {"users_covered", "fallback", "catalogue_coverage", "overlap"}


@pytest.mark.long
def test_a_day_of_much_fewer_neighbours_is_held_back(invoke: Invoke, nights: Shop) -> None:
    """Three days of usual size, then one of a source that delivered a tenth."""
    conf = (*PLAIN, "--conf-file", nights.conf)
    assert invoke("build_item_cf", *conf, "--ds", "2026-11-22").code == 0
    few = ("--set", "item_cf.min_co_users=5")
    held = invoke("build_item_cf", *conf, "--ds", "2026-11-25", *few)
    assert held.code == 65
    assert "(audits.min_rows_share)" in held.error
    free = ("--set", "audits.min_rows_share=null")
    assert invoke("build_item_cf", *conf, "--ds", "2026-11-25", *few, *free).code == 0


def commit(day: int, rows: int, **told: object) -> Commit:
    ds = f"2026-11-{day}"
    return Commit(day, "WRITE", {"ds": ds, "since": ds, "rows": rows, **told})


def test_longer_lists_are_not_held_against_the_days_before() -> None:
    """Three days of k = 20, then one of 50; a fourth of 20 is beside the first three again."""
    past = (commit(24, 250, k=50), *(commit(day, 100, k=20) for day in (23, 22, 21)))
    store = SimpleNamespace(commits=lambda _: Commits(past))
    run: Any = SimpleNamespace(store=store, ds=date(2026, 11, 25), config=load(None))
    nobody: Any = None
    assert steady(run, ITEM_NEIGHBOURS, 50)(nobody, 900) == {}
    assert steady(run, ITEM_NEIGHBOURS, 20)(nobody, 110) == {"rows_share": 1.1}
    with pytest.raises(DataQualityError, match=r"2\.500, at most 2 \(audits.max_rows_share\)"):
        steady(run, ITEM_NEIGHBOURS, 20)(nobody, 250)


def test_what_one_night_held_back_the_next_one_does_too() -> None:
    """However many nights nothing is published: beside the last days that had rows."""
    past = tuple(commit(day, rows) for day, rows in ((23, 100), (22, 100), (21, 0), (20, 100)))
    store = SimpleNamespace(commits=lambda _: Commits(past))
    config = load(None, ["audits.days=3"])
    nobody: Any = None
    for day in (date(2026, 11, 24), date(2026, 11, 25), date(2026, 12, 20)):
        run: Any = SimpleNamespace(store=store, ds=day, config=config)
        with pytest.raises(DataQualityError, match=r"audits.min_rows_share"):
            steady(run, ITEM_NEIGHBOURS, 20)(nobody, 10)
    before: Any = SimpleNamespace(store=store, ds=date(2026, 11, 23), config=config)
    assert steady(before, ITEM_NEIGHBOURS, 20)(nobody, 10) == {}  # of two days is no usual


def test_lists_are_held_to_the_last_that_there_were(invoke: Invoke, nights: Shop) -> None:
    """Where the night before published none."""
    told = (*PLAIN, "--conf-file", nights.conf, "--ds", "2026-11-26")
    nights.deliver("2026-11-26", "u1,i0,click,2026-11-26 10:00:00,9.5")
    assert invoke("ingest", *told).code == invoke("build_item_cf", *told).code == 0
    assert invoke("recommend", *told).code == 0
    figures = nights.store.last_manifest(GOLD_RECOMMENDATIONS)["audits"]
    assert 0 < figures["overlap"] <= 1


def test_days_that_tell_no_length_count_for_any() -> None:
    left = commit(23, 9, k=20, **{ROWS_BY_DAY: {"2026-11-22": 7, "2026-11-23": 8}})
    found = Commits((commit(24, 5, k=50), commit(24, 6, k=20), left, commit(21, 4)))
    others = {date(2026, 11, day): rows for day, rows in ((23, 8), (22, 7), (21, 4))}
    assert found.rows_by_day(20) == others
    assert found.rows_by_day(50) == found.rows_by_day() == others | {date(2026, 11, 24): 5}
