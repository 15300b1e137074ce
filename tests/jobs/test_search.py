"""From searches in the log to published results, by a model that learnt from their clicks."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nightshelf.config import WarehouseConfig, load
from nightshelf.jobs import train_text
from nightshelf.jobs.searching import ask
from nightshelf.ranking.registry import Decision
from nightshelf.runs import Run
from nightshelf.tables import (
    GOLD_SEARCH_RESULTS,
    OPS_MODELS,
    SEARCH_QUERIES,
    SERVING_SEARCH_RESULTS,
    SILVER_ITEMS,
    Store,
)
from tests.jobs.conftest import Ended, Invoke
from tests.text.tiny import save

DS = "2026-01-08"
STEPS = ("build_item_text", "build_features", "build_search_index")


class Night:
    """A simulated shop's night, step by step."""

    def __init__(self, invoke: Invoke, root: Path, weights: Path) -> None:
        self.invoke, self.root = invoke, root
        self.given = root / "given.txt"
        root.mkdir(parents=True)
        told = {
            "warehouse.root": root / "warehouse", "text.model": weights, "search.given": self.given,
            "simulate.users": 250, "simulate.items": 60, "simulate.days": 8,
            "simulate.sessions_per_day": 1.0, "text_training.min_pairs": 50,
            "text_training.pairs": 400, "text_training.learning_rate": 1e-3, "search.k": 5,
            "search.rerank": 10,
        }  # fmt: skip
        self.settings = [f"{key}={value}" for key, value in told.items()]

    def arguments(self, *more: str) -> list[str]:
        told = [x for setting in (*self.settings, *more) for x in ("--set", setting)]
        return ["--ds", DS, *told]

    def name(self, spark: SparkSession) -> str:
        """A word that some item on sale has; it is given as a query, misspelt too, among others."""
        store = Store(spark, WarehouseConfig(root=str(self.root / "warehouse")), "reader")
        rows = store.read(SILVER_ITEMS).where("NOT delisted AND stock > 0 AND ds = '2026-01-01'")
        found = rows.orderBy("item_id").first()
        assert found is not None
        word = str(found["brand"]).lower()
        wrong = word[0] + word[2] + word[1] + word[3:]
        queries = [word, wrong.upper(), "'; DROP TABLE items; --", f"{word} " * 10_000, "☕", ""]
        self.given.write_text("\n".join(queries))
        return word

    def __call__(self, step: str, *more: str, code: int = 0) -> dict[str, Any]:
        ended: Ended = self.invoke(step, *self.arguments(*more))
        assert ended.code == code, ended.lines
        return next(line for line in ended.lines if line["event"] == "step")


def prepared(night: Night, spark: SparkSession) -> str:
    """Runs the steps before the ranking; a word that some items have."""
    night("simulate_shop")
    night("ingest")
    word = night.name(spark)
    for step in STEPS:
        night(step)
    return word


@pytest.mark.slow
@pytest.mark.long
def test_a_shops_search(
    invoke: Invoke, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = Night(invoke, tmp_path / "shop", save(tmp_path / "weights"))
    word = prepared(night, spark)
    store = Store(spark, WarehouseConfig(root=str(tmp_path / "shop" / "warehouse")), "reader")

    queries = {row["query"]: row for row in store.read(SEARCH_QUERIES).collect()}
    wrong = word[0] + word[2] + word[1] + word[3:]
    assert queries[wrong]["asked"] == word
    long = (f"{word} " * 10_000).strip()
    assert long in queries
    assert "'; drop table items; --" in queries
    assert "☕" not in queries
    assert any(row["searches"] > 0 for row in queries.values())

    first = night("rank_search")
    assert first["found_by"].startswith("text-weights-")
    before = store.digest(GOLD_SEARCH_RESULTS)
    night("rank_search")
    assert store.digest(GOLD_SEARCH_RESULTS) == before
    rows = store.read(SERVING_SEARCH_RESULTS)
    assert rows.select("query").distinct().count() <= len(queries)
    lists = rows.groupBy("query", "segment").agg(F.count("*").alias("n"), F.max("rank"))
    assert lists.where("n > 5 OR n <> `max(rank)`").isEmpty()
    assert {row[0] for row in rows.select("segment").distinct().collect()} == {
        "all", "price_level=low", "price_level=middle", "price_level=high",
    }  # fmt: skip
    results = {
        query: [
            (row["rank"], row["item_id"], row["reason"])
            for row in rows.where((F.col("query") == query) & (F.col("segment") == "all"))
            .orderBy("rank")
            .collect()
        ]
        for query in (word, wrong, long)
    }
    assert results[word] == results[wrong]
    assert results[word][0][2] == "Has all words of your search"
    gone = store.read(SILVER_ITEMS).where("delisted").select("item_id").distinct()
    assert rows.join(gone, "item_id", "left_semi").isEmpty()

    monkeypatch.setattr(train_text, "text_gate", lambda *_: Decision(True, "told to"))
    trained = night("train_text")
    assert trained["examination"][0] == 1.0
    assert set(trained["pairs"]) == {"train", "valid", "test"}
    (model,) = store.read(OPS_MODELS).where("kind = 'text_cross'").collect()
    assert model["status"] == "promoted"
    assert model["metrics"]["test.ndcg@10"] == pytest.approx(trained["test_ndcg@10"], abs=1e-4)
    assert "test.untuned.ndcg@10" in model["metrics"]

    assert night("rank_search")["found_by"] == trained["model"] == model["model_id"]
    run = Run(spark, load(None, night.settings), date.fromisoformat(DS), "ask", "ask-1")
    mine = f"query = '{word}' AND segment = 'price_level=low'"
    published = run.read(SERVING_SEARCH_RESULTS).where(mine).orderBy("rank").collect()
    found = ask(run, f"  {word.upper()} ", "price_level=low")
    assert [row["item_id"] for row in found] == [row["item_id"] for row in published]
    assert ask(run, "☕") == []


def test_bad_input_is_told(invoke: Invoke, tmp_path: Path) -> None:
    root = f"warehouse.root={tmp_path}/none"
    ended = invoke("rank_search", "--ds", DS, "--set", root)
    assert ended.code == 0
    assert "no queries" in next(x["why"] for x in ended.lines if x["event"] == "step")
    ended = invoke("build_search_index", "--ds", DS, "--set", root, "--set", "search.fields={}")
    assert ended.code == 64
    assert "search.fields" in ended.error


@pytest.mark.long
def test_an_index_without_a_given_file(invoke: Invoke, tmp_path: Path) -> None:
    night = Night(invoke, tmp_path / "shop", save(tmp_path / "weights"))
    small = ("simulate.users=20", "simulate.items=12", "simulate.days=2")
    night("simulate_shop", *small)
    night("ingest", *small, "ingest.accept_missing_day=true")
    ended = invoke("build_search_index", *night.arguments(*small, "search.given=/nowhere.txt"))
    assert ended.code == 66
    assert "search.given: no file /nowhere.txt" in ended.error
