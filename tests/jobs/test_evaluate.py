"""Lists judged by what followed, beside baselines and beside another run's."""

import json

import pytest

from nightshelf.tables import (
    BASKET_RULES,
    CATEGORY_PATHS,
    COHORTS,
    CUSTOMERS,
    DRIFT,
    FUNNELS,
    GOLD_EVALUATION,
    GOLD_RECOMMENDATIONS,
    SESSION_SHAPES,
)
from tests.jobs.conftest import PLAIN, Invoke, Shop


@pytest.mark.long
def test_lists_are_judged_by_the_days_that_follow(invoke: Invoke, nights: Shop) -> None:
    conf = (*PLAIN, "--conf-file", nights.conf, "--ds")
    early = invoke("evaluate", *conf, "2026-11-22")
    assert early.code == 0
    assert "no lists of 2026-11-22 to judge" in str(early.lines)
    late = invoke("evaluate", *conf, "2026-11-24")
    assert "no events in the 7 days after 2026-11-24" in str(late.lines)
    judged = invoke("evaluate", *conf, "2026-11-23")
    assert judged.code == 0
    assert "ndcg@10" in judged.out
    [warning] = [line for line in judged.lines if line["level"] == "warning"]
    assert "fewer days than evaluate.horizon_days" in warning["event"]
    assert (warning["newest_events"], warning["wanted"]) == ("2026-11-24", "2026-11-30")
    rows = nights.store.read(GOLD_EVALUATION)
    models = {r["model"] for r in rows.select("model").distinct().collect()}
    assert models == {"nightshelf", "popularity", "item_cf"}
    overall = rows.where("segment = 'all' AND source = 'all'")
    assert {r["n"] for r in overall.where("metric = 'recall@20'").collect()} == {5}
    # No impressions are told, and no model ranks.
    undefined = {r["metric"]: r["why"] for r in overall.where("value IS NULL").collect()}
    assert "no row of the lists was shown" in undefined["click_through@10"]
    assert "no probabilities" in undefined["log_loss"]
    segments = {r["segment"] for r in rows.select("segment").distinct().collect()}
    assert {"all", "known", "tenure:days"} <= segments
    assert rows.where("source = 'item_cf'").count()


@pytest.mark.slow
@pytest.mark.long
def test_two_runs_of_a_day_side_by_side(invoke: Invoke, nights: Shop) -> None:
    conf = (*PLAIN, "--conf-file", nights.conf)
    again = ("--ds", "2026-11-23", "--set", "item_cf.similarity=jaccard", "--set", "recommend.k=1")
    assert invoke("recommend", *conf, *again).code == 0
    history = nights.store.commits(GOLD_RECOMMENDATIONS)
    told = [commit.manifest for commit in history if commit.manifest.get("ds") == "2026-11-23"]
    b, a = (manifest["run_id"] for manifest in told[:2])
    shown = invoke("compare", *conf, "--a", a, "--b", b)
    assert shown.code == 0, shown.lines
    assert "b beside a" in shown.out
    assert "Not compared: gauc" in shown.out
    found = json.loads(invoke("compare", *conf, "--a", a, "--b", b, "--json").out)
    by_metric = {
        row["metric"]: row
        for row in found["differences"]
        if (row["segment"], row["source"]) == ("all", "all")
    }
    recall = by_metric["recall@5"]
    assert recall["difference"] == pytest.approx(recall["b"] - recall["a"])
    assert recall["low"] <= recall["difference"] <= recall["high"]
    assert recall["n"] == 5
    same = json.loads(invoke("compare", *conf, "--a", a, "--b", a, "--json").out)
    assert {(row["difference"], row["low"]) for row in same["differences"]} <= {(0, 0), (0, None)}
    for user, sides in found["lists"].items():
        assert (len(sides["a"]), len(sides["b"])) == (2, 1), user
    gone = invoke("compare", *conf, "--a", a, "--b", "2026-11-23-0")
    assert (gone.code, "has no commit of that run" in gone.error) == (66, True)
    other = invoke("compare", *conf, "--a", a, "--b", "2026-11-24-1")
    assert (other.code, "two runs of one day" in other.error) == (64, True)


@pytest.mark.long
def test_what_shoppers_do_is_told_in_tables(invoke: Invoke, nights: Shop) -> None:
    ended = invoke("analyse_behaviour", "--conf-file", nights.conf, "--ds", "2026-11-24")
    assert ended.code == 0, ended.lines
    for table in (FUNNELS, COHORTS, SESSION_SHAPES, CUSTOMERS):
        assert nights.store.read(table).count(), table.name
    for table in (CATEGORY_PATHS, BASKET_RULES):  # of one category and too few baskets
        assert nights.store.read(table).count() == 0
    [buyer] = nights.store.read(CUSTOMERS).collect()
    assert (buyer["user_id"], buyer["recency_days"], buyer["frequency"]) == ("u0", 0, 3)
    assert buyer["monetary"] == 15


@pytest.mark.long
def test_a_first_night_has_only_its_events_to_compare(invoke: Invoke, shop: Shop) -> None:
    conf = ("--conf-file", shop.conf, "--ds", "2026-11-24")
    assert invoke("ingest", *conf).code == 0
    assert invoke("check_drift", *conf).code == 0
    rows = shop.store.read(DRIFT).orderBy("name").collect()
    assert [(row["subject"], row["name"], row["value"], row["values"]) for row in rows] == [
        ("events", "click", 0.0, None), ("events", "purchase", 0.0, None),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.long
def test_a_day_that_moved_too_far_holds_the_night(invoke: Invoke, nights: Shop) -> None:
    conf = ("--conf-file", nights.conf, "--ds", "2026-11-24")
    assert invoke("check_drift", *conf, "--set", "drift.max_change=0.5").code == 0
    told = {row["name"]: row for row in nights.store.read(DRIFT).collect()}
    rows = [f"u{n},i{n % 4},click,2026-11-24 12:{n:02d}:00,1" for n in range(60)]
    nights.deliver("2026-11-24", *rows)
    assert invoke("ingest", *conf).code == 0
    version = nights.store.version(DRIFT)
    tried = invoke("check_drift", *conf, "--set", "drift.max_change=0.5", "--dry-run")
    assert (tried.code, nights.store.version(DRIFT)) == (65, version)
    held = invoke("check_drift", *conf, "--set", "drift.max_change=0.5")
    assert held.code == 65
    assert "the night's inputs have moved" in held.error
    assert "drift.max_change" in held.error
    after = {row["name"]: row for row in nights.store.read(DRIFT).collect()}
    assert after != told
    night = (*PLAIN[:8], *conf, "--from", "check_drift", "--set", "drift.max_change=0.5")
    assert invoke("nightly", *night).code == 65
    page = (nights.folder / "warehouse" / "report" / "2026-11-24.html").read_text()
    assert "2026-11-24, check_drift: gold.drift: the night&#39;s inputs have moved" in page
    # A change that is to stay is what later days are compared with.
    stays = ("--set", "drift.max_change=0.5", "--set", "drift.since=2026-11-24")
    assert invoke("check_drift", *conf, *stays).code == 0
    later = ("--conf-file", nights.conf, "--ds", "2026-11-25")
    nights.deliver("2026-11-25", *(row.replace("11-24", "11-25") for row in rows))
    assert invoke("ingest", *later).code == 0
    assert invoke("check_drift", *later, *stays[:2]).code == 65
    assert invoke("check_drift", *later, *stays).code == 0
    assert invoke("check_drift", *conf).code == 0


@pytest.mark.slow
@pytest.mark.long
def test_a_night_is_told_on_one_page(invoke: Invoke, nights: Shop) -> None:
    conf = ("--conf-file", nights.conf, "--ds")
    early = invoke("report", *conf, "2026-11-24")
    assert early.code == 0, early.lines
    page = nights.folder / "warehouse" / "report" / "2026-11-24.html"
    assert "No lists were judged yet" in page.read_text()
    assert "`analyse_behaviour` has not run yet." in page.read_text()
    for job, day in (("evaluate", "23"), ("analyse_behaviour", "24"), ("check_drift", "24")):
        assert invoke(job, *PLAIN[:8], *conf, f"2026-11-{day}").code == 0
    last = invoke("report", *conf, "2026-11-24")
    assert last.code == 0, last.lines
    html = page.read_text()
    assert "No lists were judged yet" not in html
    for told in ("The lists of 2026-11-23", "Who comes back", "What moved?", "u0", "Seconds"):
        assert told in html
    assert len(html) < 2_000_000
    nothing = invoke("report", *conf, "2026-11-21")
    assert nothing.code == 0
    old = (page.parent / "2026-11-21.html").read_text()
    assert "No lists of 2026-11-21 were published." in old
