"""Tables, models and locks on a real HDFS; sources and tables in a Hive metastore."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from nightshelf.config.shop import simulated_sources
from nightshelf.tables import (
    GOLD_RECOMMENDATIONS,
    ITEM_NEIGHBOURS,
    SERVING_RECOMMENDATIONS,
    SILVER_EVENTS,
)
from nightshelf.tables.files import Files
from tests.cluster.conftest import Hdfs, Submit
from tests.cluster.nights import LAST, arguments, digests, store

HERE = Path(__file__).parent
STALE = 30
NO_MODELS = (
    *("ctr.enabled=false", "towers.enabled=false", "text.enabled=false", "search.enabled=false"),
)


@pytest.fixture(scope="module")
def night(cluster: Submit, hdfs: Hdfs) -> str:
    """The warehouse on HDFS of a night on the cluster, whose source is on HDFS, too."""
    root = f"{hdfs.uri}/warehouse"
    ended = cluster("nightly", *arguments(root))
    assert ended.code == 0, ended.err
    assert ended.steps["train_ctr"]["decision"] == "promoted", ended.err
    assert ended.steps["train_text"]["status"] == "done", ended.err
    assert ended.steps["recommend"]["ranked_by"].startswith("dcn_v2-")
    return root


def test_a_night_again_gives_the_same_tables(
    spark: SparkSession, cluster: Submit, night: str
) -> None:
    before = digests(spark, night)
    assert {"serving.recommendations", "serving.search_results"} <= before.keys()
    ended = cluster("recommend", *arguments(night))
    assert ended.code == 0, ended.err
    assert ended.steps["recommend"]["ranked_by"].startswith("dcn_v2-")
    assert digests(spark, night) == before
    assert not Files(spark).glob(f"{night}/_staging/*/*")
    assert not Files(spark).glob(f"{night}/_locks/*/*")


@pytest.fixture(scope="module")
def plain_lists(spark: SparkSession, alone: Submit, night: str) -> str:
    """The digest of the lists of an undisturbed run without models."""
    ended = alone("recommend", *arguments(night, *NO_MODELS))
    assert ended.code == 0, ended.err
    return store(spark, night).digest(SERVING_RECOMMENDATIONS)


def test_of_two_runs_at_once_the_second_is_told_to_try_again(
    spark: SparkSession, alone: Submit, night: str, plain_lists: str
) -> None:
    first = alone.start("recommend", *arguments(night, *NO_MODELS))
    wait_for(spark, lease(night))
    os.killpg(first.pid, signal.SIGSTOP)  # it stays the owner, however fast it is
    second = alone("recommend", *arguments(night, *NO_MODELS))
    os.killpg(first.pid, signal.SIGCONT)
    assert second.code == 75, second.err
    [error] = second.errors
    assert f"{GOLD_RECOMMENDATIONS.name}/{LAST}: the lock is held by run {LAST}-" in error
    _, err = first.communicate(timeout=600)
    assert first.returncode == 0, err
    assert not Files(spark).exists(lease(night))
    assert store(spark, night).digest(SERVING_RECOMMENDATIONS) == plain_lists


def test_the_lease_of_a_killed_run_is_taken_over_once_it_is_stale(
    spark: SparkSession, alone: Submit, night: str, plain_lists: str
) -> None:
    killed = alone.start("recommend", *arguments(night, *NO_MODELS))
    wait_for(spark, lease(night))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    early = alone("recommend", *arguments(night, *NO_MODELS))
    assert early.code == 75, early.err
    assert Files(spark).exists(lease(night))
    stale = (*NO_MODELS, f"warehouse.lock_stale_seconds={STALE}")
    modified = Files(spark).glob(lease(night))[0].modified
    time.sleep(max(0.0, modified + STALE - time.time()))
    after = alone("recommend", *arguments(night, *stale))
    assert after.code == 0, after.err
    assert not Files(spark).exists(lease(night))
    assert store(spark, night).digest(SERVING_RECOMMENDATIONS) == plain_lists


def test_a_shop_in_the_metastore(
    spark: SparkSession, alone: Submit, night: str, tmp_path: Path
) -> None:
    """Events from a Hive table on HDFS; the tables published there can be read by their names."""
    metastore = {
        "spark__hadoop__javax__jdo__option__ConnectionURL": (
            f"jdbc:derby:;databaseName={tmp_path}/metastore;create=true"
        ),
        "spark__sql__warehouse__dir": f"{night}/hive",
    }
    filled = alone(HERE / "hive.py", "fill", night, **metastore)
    assert filled.code == 0, filled.err
    root = f"{night}/of_hive"
    conf = tmp_path / "shop.yaml"
    conf.write_text(
        yaml.safe_dump({"sources": hive_sources(night), "simulate": {"enabled": False}})
    )
    ended = alone(
        "nightly", "--conf-file", str(conf), "--to", "recommend",
        *arguments(root, *NO_MODELS, "warehouse.metastore_database=shelf"),
        **metastore,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    for table in (SILVER_EVENTS, ITEM_NEIGHBOURS):
        assert store(spark, root).digest(table) == store(spark, night).digest(table)
    read = alone(HERE / "hive.py", "read", "shelf", **metastore)
    assert read.code == 0, read.err
    rows = json.loads(read.out)
    for table in (SERVING_RECOMMENDATIONS, GOLD_RECOMMENDATIONS, SILVER_EVENTS):
        name = table.name.replace(".", "_")
        assert rows[name] == store(spark, root).read(table).count() > 0


def hive_sources(root: str) -> dict[str, Any]:
    sources = simulated_sources(root)
    [events] = sources["events"]
    del events["path"]
    return {**sources, "events": [{**events, "format": "hive", "table": "raw.events"}]}


def lease(root: str) -> str:
    return f"{root}/_locks/{GOLD_RECOMMENDATIONS.name}/{LAST}.lock"


def wait_for(spark: SparkSession, path: str) -> None:
    deadline = time.monotonic() + 180
    while not Files(spark).exists(path):
        assert time.monotonic() < deadline
        time.sleep(0.1)
