"""The item-CF job: what auto chooses, and what is told of it."""

from datetime import date

import pytest

from nightshelf.tables import ITEM_NEIGHBOURS
from tests.jobs.conftest import Invoke, Shop

DAY8 = date(2026, 11, 8)


@pytest.mark.long
def test_auto_builds_what_the_last_days_speak_for_and_says_so(invoke: Invoke, shop: Shop) -> None:
    shop.configure("evaluate: {horizon_days: 2}\n")
    for day in range(1, 9):
        rows = [
            f"u{user},{item},click,2026-11-0{day} 10:00:00,"
            for user in range(12)
            for item in (f"{'abc'[user % 3]}{(user // 3 + day // 2) % 6}", f"x{(user * day) % 5}")
        ]
        shop.deliver(f"2026-11-0{day}", *rows)
    day = ("--conf-file", shop.conf, "--ds", "2026-11-08")
    assert invoke("ingest", *day).code == 0
    ended = invoke("build_item_cf", *day, "--set", "item_cf.similarity=auto")
    assert ended.code == 0
    step = next(line for line in ended.lines if line["event"] == "step")
    judged = step["valid_ndcg"]
    assert judged.keys() == {"cosine", "tfidf", "bm25", "jaccard", "ease"}
    assert step["similarity"] == max(judged, key=judged.__getitem__)
    assert step["valid_since"] == "2026-11-07"
    assert shop.store.last_manifest(ITEM_NEIGHBOURS)["similarity"] == step["similarity"]
    plain = ("--set", f"item_cf.similarity={step['similarity']}")
    built = shop.store.digest(ITEM_NEIGHBOURS, DAY8)
    assert invoke("build_item_cf", *day, *plain).code == 0
    assert shop.store.digest(ITEM_NEIGHBOURS, DAY8) == built


@pytest.mark.long
def test_days_without_events_are_no_failure(invoke: Invoke, shop: Shop) -> None:
    shop.configure("ingest: {window_days: 1}\n")
    assert invoke("ingest", "--conf-file", shop.conf, "--ds", "2026-11-22").code == 0
    settled = ("--set", "item_cf.settle_events=1")
    for day, rows in (("2026-11-21", 0), ("2026-11-22", 8), ("2026-11-25", 8)):
        ended = invoke("build_item_cf", "--conf-file", shop.conf, "--ds", day, *settled)
        assert ended.code == 0
        step = next(line for line in ended.lines if line["event"] == "step")
        assert step["rows_out"] == rows
