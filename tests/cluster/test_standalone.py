"""Nights on a standalone master with two workers, from the built packages."""

import dataclasses
import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshelf.tables import GOLD_RECOMMENDATIONS, ITEM_NEIGHBOURS, Table
from tests.cluster.conftest import SECRET, Packages, Standalone, Submit
from tests.cluster.nights import Night, arguments, store

HERE = Path(__file__).parent
LOGS = {".log", ""}  # an executor's are stdout and stderr


def test_driver_and_executors_have_the_library_from_the_zip(
    cluster: Submit, packages: Packages
) -> None:
    ended = cluster(HERE / "where.py")
    assert ended.code == 0, ended.told
    told = json.loads(ended.out)
    assert len({file for file, _ in told["executors"]}) == 2  # each has a copy of its own
    for file, python in [told["driver"], *told["executors"]]:
        assert file.endswith("nightshelf.zip/nightshelf/__init__.py")
        assert python == str(packages.python)


def test_a_night_on_the_cluster_gives_the_tables_of_a_local_one(
    local_night: Night, cluster_night: Night
) -> None:
    assert {"serving.recommendations", "serving.search_results"} <= local_night.digests.keys()
    assert cluster_night.digests == local_night.digests


def test_both_executors_trained(cluster: Submit, cluster_night: Night) -> None:
    trained = [executors for log in event_logs(cluster) for executors in trainings(log)]
    assert len(trained) >= 3  # towers, the ranking model, the text model
    assert all(executors == {"0", "1"} for executors in trained)


def test_a_rank_sees_the_gpu_of_its_task_and_nothing_of_the_driver(
    cluster: Submit, packages: Packages
) -> None:
    own = dataclasses.replace(cluster, environment={**cluster.environment, "KEY_OF_DRIVER": "x"})
    ended = own(
        HERE / "ranks.py", "KEY_OF_DRIVER",
        spark__executor__resource__gpu__amount="1", spark__task__resource__gpu__amount="1",
        spark__executor__instances="2",
    )  # fmt: skip
    assert ended.code == 0, ended.told
    told = json.loads(ended.out.splitlines()[-1])
    assert told["places"] == {"ranks": 2, "cores": 1}
    assert [(rank["rank"], rank["size"]) for rank in told["ranks"]] == [(0, 2), (1, 2)]
    assert {rank["gpu"] for rank in told["ranks"]} == {"2", "3"}
    for rank in told["ranks"]:
        assert rank["library"].endswith("nightshelf.zip/nightshelf/__init__.py")
        assert rank["python"] == str(packages.python)
        assert rank["secret"] is None


def test_no_secret_is_in_event_logs_nor_in_what_executors_leave(
    cluster: Submit, standalone: Standalone, cluster_night: Night
) -> None:
    events = "\n".join(path.read_text() for path in event_logs(cluster))
    assert '"spark.authenticate.secret":"*********(redacted)"' in events
    assert SECRET not in events
    left = [*standalone.folder.rglob("*"), *cluster.folder.glob("*.log")]
    logs = [path for path in left if path.is_file() and path.suffix in LOGS]
    told = "\n".join(path.read_text(errors="replace") for path in logs)
    assert "Launch command" in told
    assert SECRET not in told


@pytest.mark.parametrize("how", ["kill", "fail"])
@pytest.mark.parametrize(
    ("job", "module", "table"),
    [
        ("build_item_cf", "nightshelf.cf", ITEM_NEIGHBOURS),
        ("recommend", "nightshelf.features.serving", GOLD_RECOMMENDATIONS),
    ],
)
def test_a_lost_executor_or_task_changes_no_row(
    spark: SparkSession, cluster: Submit, cluster_night: Night, tmp_path: Path,
    job: str, module: str, table: Table, how: str,
) -> None:  # fmt: skip
    before = store(spark, cluster_night.root).digest(table)
    version = store(spark, cluster_night.root).version(table)
    marker = tmp_path / "disturbed"
    script = HERE / "disturbed_job.py"
    ended = cluster(script, how, module, str(marker), job, *arguments(cluster_night.root))
    assert ended.code == 0, ended.told
    told = marker.read_text().splitlines()
    if how == "kill":
        assert len(told) == 1
        assert not Path(f"/proc/{told[0].split()[1]}").exists()
    else:
        assert {"failed attempt 0", "failed attempt 1"} == set(told)
    assert store(spark, cluster_night.root).version(table) != version
    assert store(spark, cluster_night.root).digest(table) == before


def event_logs(cluster: Submit) -> list[Path]:
    folder = Path(cluster.conf["spark.eventLog.dir"].removeprefix("file://"))
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]


def trainings(log: Path) -> list[set[str]]:
    """The executors that each of an application's trainings ran on."""
    events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    stages = [
        stage
        for event in events
        if event["Event"] == "SparkListenerJobStart"
        and str(event["Properties"].get("spark.jobGroup.id")).startswith("horovod.spark.run")
        for stage in event["Stage IDs"]
    ]
    ended = [event for event in events if event["Event"] == "SparkListenerTaskEnd"]
    return [
        {event["Task Info"]["Executor ID"] for event in ended if event["Stage ID"] == stage}
        for stage in stages
    ]
