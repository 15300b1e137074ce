"""What the pages read from Python is there: their blocks are run on published tables."""

import contextlib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from nightshelf.config import WarehouseConfig
from nightshelf.literals import frame_of
from nightshelf.tables import (
    GOLD_EVALUATION,
    ITEM_NEIGHBOURS,
    SERVING_RECOMMENDATIONS,
    SERVING_SEARCH_RESULTS,
    SILVER_ITEMS,
    Store,
    Table,
)
from tests.docs.pages import ROOT, blocks

DS = date(2026, 11, 24)
LISTS = [
    {"user_id": user, "rank": rank, "item_id": f"{user}-{rank}", "score": 1 / rank,
     "source": "item_cf", "reason": "for a reason", "model_id": "m", "run_id": "r", "ds": DS}
    for user in ("u7", "__new__")
    for rank in (1, 2)
]  # fmt: skip
RESULTS = [
    {"query": "coffee mug", "segment": "all", "rank": 1, "item_id": "mug", "score": 1.0,
     "reason": "for a reason", "model_id": "m", "run_id": "r", "ds": DS}
]  # fmt: skip
JUDGED = [
    {"model": "nightshelf", "source": "all", "metric": "ndcg@10", "segment": "all",
     "value": 0.5, "low": 0.4, "high": 0.6, "n": 9, "ds": DS}
]  # fmt: skip
ITEMS = [
    {"item_id": "u7-1", "title": title, "delisted": False, "ds": day}
    for day, title in ((DS - timedelta(days=1), "A mug"), (DS, None))
]
NEIGHBOURS = [
    {"item_id": "u7-1", "rank": rank, "neighbour_id": f"like-{rank}", "similarity": 1 / rank,
     "co_users": 2, "ds": DS}
    for rank in (1, 2)
]  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a night has left its tables under `warehouse`."""
    folder = tmp_path_factory.mktemp("shop")
    tables: dict[Table, list[dict[str, Any]]] = {
        SERVING_RECOMMENDATIONS: LISTS,
        SERVING_SEARCH_RESULTS: RESULTS,
        GOLD_EVALUATION: JUDGED,
        SILVER_ITEMS: ITEMS,
        ITEM_NEIGHBOURS: NEIGHBOURS,
    }
    for table, rows in tables.items():
        publish(spark, folder, table, rows)
    return folder


def publish(spark: SparkSession, folder: Path, table: Table, rows: list[dict[str, Any]]) -> None:
    """Publishes the rows in `folder`/warehouse; columns that they do not tell are null."""
    every = [{name: row.get(name) for name in table.schema.names} for row in rows]
    store = Store(spark, WarehouseConfig(root=str(folder / "warehouse")), "r")
    store.publish(frame_of(spark, every, table.schema), table, DS, since=rows[0]["ds"])


def run(page: str, folder: Path) -> dict[str, Any]:
    """The names that a page's blocks leave, one run after another, but for those by our package."""
    names: dict[str, Any] = {}
    with contextlib.chdir(folder):
        for block in blocks("python"):
            if block.page == ROOT / page and "nightshelf" not in block.text:
                exec(compile(block.text, str(block), "exec"), names)
    return names


def test_lists_are_read(spark: SparkSession, warehouse: Path) -> None:
    lists = run("docs/reading_tables.md", warehouse)["lists"]
    assert lists.of("u7") == [("u7-1", "for a reason"), ("u7-2", "for a reason")]
    assert [item for item, _ in lists.of("nobody")] == ["__new__-1", "__new__-2"]
    publish(spark, warehouse, SERVING_RECOMMENDATIONS, LISTS[:1])
    with contextlib.chdir(warehouse):
        for file in lists.files:
            Path(file.removeprefix("file://")).unlink()
        assert lists.of("u7") == [("u7-1", "for a reason")]
    publish(spark, warehouse, SERVING_RECOMMENDATIONS, LISTS)


@pytest.mark.parametrize("page", ["README.md", "docs/search_and_text.md"])
def test_blocks_run(warehouse: Path, page: str) -> None:
    assert "DeltaTable" in run(page, warehouse)


@pytest.mark.parametrize("page", ["README.md", "docs/reading_tables.md"])
def test_queries_find_both_rows(spark: SparkSession, warehouse: Path, page: str) -> None:
    queries = [block.text for block in blocks("sql") if block.page == ROOT / page]
    assert queries
    for query in queries:
        placed = query.replace("delta.`warehouse/", f"delta.`{warehouse}/warehouse/")
        found = spark.sql(placed).orderBy("rank").collect()
        assert [row["rank"] for row in found] == [1, 2]
        if "title" in found[0]:
            assert [row["title"] for row in found] == ["A mug", None]
