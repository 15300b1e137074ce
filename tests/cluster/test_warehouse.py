"""Tables, models and locks on a real HDFS; sources and tables in a Hive metastore."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from nightshelf.config.shop import simulated_sources
from nightshelf.learning.storage import Folder
from nightshelf.tables import (
    GOLD_RECOMMENDATIONS,
    SERVING_RECOMMENDATIONS,
    SILVER_EVENTS,
)
from nightshelf.tables.digest import digest
from nightshelf.tables.files import Files
from tests.cluster.conftest import Hdfs, Submit
from tests.cluster.nights import LAST, Night, arguments, store

HERE = Path(__file__).parent
STALE = 30
NO_MODELS = (
    *("ctr.enabled=false", "towers.enabled=false", "text.enabled=false", "search.enabled=false"),
)


def test_a_folder_of_a_model(hdfs: Hdfs) -> None:
    folder = Folder(f"{hdfs.uri}/models").folder("m1")
    assert folder.names() == []
    with pytest.raises(FileNotFoundError):
        folder.read("a.json")
    folder.write("a.json", b"1")
    folder.write("a.json", b"22")
    folder.write("b/c.json", b"3")
    assert (folder.names(), folder.read("a.json")) == (["a.json", "b"], b"22")
    time.sleep(4)  # hdfs-native shares connections to data nodes, of no use to a fork, for 3 s
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(folder.read, ("a.json",)).get(60) == b"22"
    with folder.folder("b").local() as copy:
        assert (copy / "c.json").read_bytes() == b"3"
    assert not copy.exists()
    folder.remove("a.json")
    folder.remove("absent")
    assert folder.names() == ["b"]
    folder.delete()
    folder.delete()
    assert folder.names() == []


@pytest.fixture(scope="module")
def plain_lists(spark: SparkSession, alone: Submit, cluster_night: Night) -> str:
    """The digest of the lists of an undisturbed run without models."""
    ended = alone("recommend", *arguments(cluster_night.root, *NO_MODELS))
    assert ended.code == 0, ended.told
    return store(spark, cluster_night.root).digest(SERVING_RECOMMENDATIONS)


def test_of_two_runs_at_once_the_second_is_told_to_try_again(
    spark: SparkSession, alone: Submit, cluster_night: Night, plain_lists: str
) -> None:
    first = alone.start("recommend", *arguments(cluster_night.root, *NO_MODELS))
    wait_for_owner(spark, lease(cluster_night.root))
    os.killpg(first.pid, signal.SIGSTOP)  # it stays the owner, however fast it is
    second = alone("recommend", *arguments(cluster_night.root, *NO_MODELS))
    os.killpg(first.pid, signal.SIGCONT)
    assert second.code == 75, second.told
    [error] = second.errors
    assert f"{GOLD_RECOMMENDATIONS.name}/{LAST}: the lock is held by run {LAST}-" in error
    told, _ = first.communicate(timeout=600)
    assert first.returncode == 0, told
    assert not Files(spark).exists(lease(cluster_night.root))
    assert store(spark, cluster_night.root).digest(SERVING_RECOMMENDATIONS) == plain_lists


def test_the_lease_of_a_killed_run_is_taken_over_once_it_is_stale(
    spark: SparkSession, alone: Submit, cluster_night: Night, plain_lists: str
) -> None:
    killed = alone.start("recommend", *arguments(cluster_night.root, *NO_MODELS))
    wait_for_owner(spark, lease(cluster_night.root))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    early = alone("recommend", *arguments(cluster_night.root, *NO_MODELS))
    assert early.code == 75, early.told
    assert Files(spark).exists(lease(cluster_night.root))
    stale = (*NO_MODELS, f"warehouse.lock_stale_seconds={STALE}")
    modified = Files(spark).glob(lease(cluster_night.root))[0].modified
    time.sleep(max(0.0, modified + STALE - time.time()))
    after = alone("recommend", *arguments(cluster_night.root, *stale))
    assert after.code == 0, after.told
    assert not Files(spark).exists(lease(cluster_night.root))
    assert store(spark, cluster_night.root).digest(SERVING_RECOMMENDATIONS) == plain_lists


def test_a_shop_in_the_metastore(
    spark: SparkSession, alone: Submit, cluster_night: Night, plain_lists: str, tmp_path: Path
) -> None:
    """Events from a Hive table on HDFS; the tables published there can be read by their names."""
    metastore = {
        "spark__hadoop__javax__jdo__option__ConnectionURL": (
            f"jdbc:derby:;databaseName={tmp_path}/metastore;create=true"
        ),
        "spark__sql__warehouse__dir": f"{cluster_night.root}/hive",
    }
    filled = alone(HERE / "hive.py", "fill", cluster_night.root, **metastore)
    assert filled.code == 0, filled.told
    root = f"{cluster_night.root}/of_hive"
    conf = tmp_path / "shop.yaml"
    conf.write_text(
        yaml.safe_dump(
            {"sources": hive_sources(cluster_night.root), "simulate": {"enabled": False}}
        )
    )
    ended = alone(
        "nightly", "--conf-file", str(conf), "--to", "recommend",
        *arguments(root, *NO_MODELS, "warehouse.metastore_database=shelf"),
        **metastore,
    )  # fmt: skip
    assert ended.code == 0, ended.told
    # A row's own name is a digest of how its source wrote it, and no two formats do it alike.
    events = [store(spark, r).read(SILVER_EVENTS) for r in (root, cluster_night.root)]
    of_hive, of_files = (digest(rows, ignore=("source_row",)) for rows in events)
    assert of_hive == of_files
    assert store(spark, root).digest(SERVING_RECOMMENDATIONS) == plain_lists
    read = alone(HERE / "hive.py", "read", "shelf", **metastore)
    assert read.code == 0, read.told
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


def wait_for_owner(spark: SparkSession, path: str) -> None:
    deadline = time.monotonic() + 180
    while not Files(spark).read_json(path):
        assert time.monotonic() < deadline
        time.sleep(0.1)
