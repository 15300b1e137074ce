"""Two towers in the night: trained, gated, restored, and a source of the lists."""

from typing import Any

import pytest

from nightshelf.tables import OPS_MODELS, SERVING_RECOMMENDATIONS
from tests.jobs.conftest import Ended, Invoke, Shop

CONF = """
samples: {train_days: 2, valid_days: 1, test_days: 1, min_count: 1, negatives: 3}
ctr: {min_positives: 5, ranks: 1, enabled: false}
towers: {embedding: 4, hidden: [8], epochs: 2, batch_size: 50, recall_at: 1000}
"""
AT = "2026-11-15"


def rows(day: int) -> list[str]:
    return [
        f"u{u},i{(u * 5 + day * (k + 1)) % 24},click,2026-11-{day:02d} 10:0{k}:{u:02d},{5 + u}"
        for u in range(9)
        for k in range(3)
    ]


def step(ended: Ended) -> dict[str, Any]:
    assert ended.code == 0
    return next(line for line in ended.lines if line["event"] == "step")


@pytest.mark.slow
@pytest.mark.long
def test_from_samples_to_lists(invoke: Invoke, shop: Shop) -> None:
    shop.configure(CONF)
    for day in range(10, 16):
        shop.deliver(f"2026-11-{day}", *rows(day))
    at = ("--conf-file", shop.conf, "--ds", AT)
    for job in ("ingest", "build_item_cf", "build_features", "build_samples"):
        assert step(invoke(job, *at))["status"] == "done"

    told = step(invoke("train_towers", *at))
    # Among a thousand items each finds all 24: no better than popularity.
    assert (told["test_recall"], told["test_popular_recall"]) == (1.0, 1.0)
    assert told["decision"] == "refused"
    row = shop.store.read(OPS_MODELS).collect()[0]
    assert (row["model_id"], row["kind"], row["status"]) == (told["model"], "two_tower", "refused")
    assert row["metrics"]["test.positives"] == told["test_positives"]
    files = shop.folder / "warehouse" / row["path"]
    assert sorted(path.name for path in files.iterdir()) == [
        "encoding", "model.json", "model.safetensors",
    ]  # fmt: skip
    assert step(invoke("recommend", *at))["two_towers"] == "none"
    assert "two_tower" not in sources(shop)

    restored = invoke("rollback", *at, "--model", told["model"])
    assert restored.code == 0
    weight = ("--set", "recommend.two_tower_weight=5", "--set", "recommend.k=10")
    found = step(invoke("recommend", *at, *weight))
    assert (found["two_towers"], found["ranked_by"]) == (told["model"], "item-CF and trends")
    assert "two_tower" in sources(shop)
    first = shop.store.digest(SERVING_RECOMMENDATIONS)
    assert invoke("recommend", *at, *weight).code == 0
    assert shop.store.digest(SERVING_RECOMMENDATIONS) == first


def sources(shop: Shop) -> set[str]:
    lists = shop.store.read(SERVING_RECOMMENDATIONS)
    assert lists.where("features is not null").isEmpty()
    return {row["source"] for row in lists.select("source").distinct().collect()}
