"""A night whose lists do not pass their audits publishes nothing, and says which limit it was."""

from nightshelf.tables import GOLD_RECOMMENDATIONS, SERVING_RECOMMENDATIONS
from tests.jobs.conftest import PLAIN, Invoke, Shop


def test_lists_that_break_a_limit_leave_readers_what_they_have(
    invoke: Invoke, nights: Shop
) -> None:
    told = (*PLAIN, "--conf-file", nights.conf, "--ds", "2026-11-24")
    tables = (GOLD_RECOMMENDATIONS, SERVING_RECOMMENDATIONS)
    before = [nights.store.version(table) for table in tables]
    held = invoke("recommend", *told, "--set", "audits.max_fallback=0.01")
    assert held.code == 65
    assert held.error.startswith("gold.recommendations: held back by its audits, nothing published")
    assert "at most 0.01 (audits.max_fallback)" in held.error
    assert [nights.store.version(table) for table in tables] == before
    assert invoke("recommend", *told).code == 0
    figures = nights.store.last_manifest(GOLD_RECOMMENDATIONS)["audits"]
    assert figures["users_covered"] == 1.0
    assert set(figures) == {"users_covered", "fallback", "catalogue_coverage", "overlap"}


def test_a_day_of_much_fewer_neighbours_is_held_back(invoke: Invoke, nights: Shop) -> None:
    """Three days of usual size, then one of a source that delivered a tenth."""
    conf = (*PLAIN, "--conf-file", nights.conf)
    assert invoke("build_item_cf", *conf, "--ds", "2026-11-22").code == 0
    few = ("--set", "item_cf.k=1", "--set", "item_cf.min_co_users=5")
    held = invoke("build_item_cf", *conf, "--ds", "2026-11-25", *few)
    assert held.code == 65
    assert "(audits.min_rows_share)" in held.error
    free = ("--set", "audits.min_rows_share=null")
    assert invoke("build_item_cf", *conf, "--ds", "2026-11-25", *few, *free).code == 0
