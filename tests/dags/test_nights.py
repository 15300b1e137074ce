"""Whole nights by Airflow with real spark-submits, on a small simulated shop."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from nightshelf.config import WarehouseConfig
from nightshelf.tables import (
    GOLD_EVALUATION,
    GOLD_RECOMMENDATIONS,
    GOLD_SEARCH_RESULTS,
    ITEM_NEIGHBOURS,
    OPS_JOB_RUNS,
    SERVING_RECOMMENDATIONS,
    SERVING_SEARCH_RESULTS,
    Store,
)
from tests.dags.conftest import ROOT, SCRIPT, Airflow, dags_and
from tests.dags.test_graph import NIGHT
from tests.text.tiny import save

pytestmark = [pytest.mark.airflow, pytest.mark.slow]
DAG = "nightshelf_nightly"
FIRST, SECOND = "2026-01-07", "2026-01-08"
CONF = """
warehouse: {{root: {folder}/{warehouse}}}
spark: {{master: "local[2]", driver_memory: 2g, shuffle_partitions: 2}}
simulate: {{users: 200, items: 100, days: 8, sessions_per_day: 0.8}}
text: {{model: {folder}/weights}}
text_training: {{min_pairs: 50, pairs: 200, learning_rate: 0.001}}
samples: {{train_days: 4, valid_days: 1, test_days: 1}}
ctr: {{epochs: 2}}
towers: {{epochs: 2}}
evaluate: {{horizon_days: 1}}
"""
HOW = dict.fromkeys(NIGHT, ("success", 1)) | {"score_reviews": ("skipped", 1)}
"""Too few reviews to learn from."""
PROPERTIES = """
spark.driver.memory                 2g
spark.ui.enabled                    false
spark.ui.showConsoleProgress        false
spark.sql.codegen.wholeStage        false
spark.sql.codegen.factoryMode       NO_CODEGEN
spark.driver.extraJavaOptions       -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
"""


class Shop:
    """A simulated shop with a folder of its own."""

    def __init__(self, folder: Path, spark: SparkSession) -> None:
        self.folder = folder
        self._spark = spark

    def conf(self, warehouse: str = "warehouse") -> str:
        """A configuration for a warehouse of this name."""
        path = self.folder / f"{warehouse}.yaml"
        path.write_text(CONF.format(folder=self.folder, warehouse=warehouse))
        return str(path)

    def store(self, warehouse: str = "warehouse") -> Store:
        """A fresh reader."""
        root = str(self.folder / warehouse)
        return Store(self._spark, WarehouseConfig(root=root), "reader")

    def lists(self, warehouse: str = "warehouse") -> dict[str, str]:
        """What is published, as digests."""
        tables = (GOLD_RECOMMENDATIONS, GOLD_SEARCH_RESULTS, ITEM_NEIGHBOURS)
        store = self.store(warehouse)
        return {table.name: store.digest(table) for table in tables}

    def lock(self, name: str) -> Path:
        """The file of a lock."""
        return self.folder / "warehouse" / "_locks" / f"{name}.lock"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Shop:
    made = Shop(tmp_path_factory.mktemp("shop"), spark)
    (made.folder / "weights").mkdir()
    save(made.folder / "weights")
    (made.folder / "spark.properties").write_text(PROPERTIES)
    job("simulate_shop", made.conf(), SECOND)
    return made


@pytest.fixture(scope="module")
def nightly(airflow: Airflow, shop: Shop) -> Airflow:
    environment = {
        "NIGHTSHELF_SPARK_PROPERTIES": str(shop.folder / "spark.properties"),
        "NIGHTSHELF_DAGS": str(dags_and("one_job.py", shop.folder / "dags")),
    }
    return replace(airflow, environment=environment)


def job(name: str, conf: str, ds: str, *more: str) -> None:
    """Runs a job as a user does, without Airflow."""
    ended = subprocess.run(
        [sys.executable, ROOT / "jobs" / f"{name}.py", "--conf-file", conf, "--ds", ds, *more],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")}, check=False, timeout=3600,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout


@contextmanager
def held(file: Path, until: Callable[[], bool]) -> Iterator[None]:
    """The lock is another run's until the condition holds."""

    def hold() -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            holding.set()
            while not until() and not over.is_set():
                time.sleep(0.2)

    holding, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_two_nights_in_a_row(nightly: Airflow, shop: Shop) -> None:
    first = nightly.night(DAG, FIRST, conf_file=shop.conf(), k=5)
    assert first.returncode == 0, first.stdout
    no_day_before = {"evaluate": ("skipped", 1)}
    assert nightly.states(DAG, FIRST) == HOW | no_day_before
    job("nightly", shop.conf("alone"), FIRST, "--set", "recommend.k=5")
    assert shop.lists() == shop.lists("alone")

    def is_waiting() -> bool:
        return nightly.states(DAG, SECOND).get("build_item_cf", ("", 0))[0] == "up_for_retry"

    with held(shop.lock(f"{ITEM_NEIGHBOURS.name}/{SECOND}"), is_waiting):
        second = nightly.night(DAG, SECOND, conf_file=shop.conf(), k=5)
    assert second.returncode == 0, second.stdout
    assert "gold.item_neighbours/2026-01-08: the lock is held by" in second.stdout
    once_a_week = {"train_text": ("skipped", 1)}
    assert nightly.states(DAG, SECOND) == HOW | once_a_week | {"build_item_cf": ("success", 2)}
    _check_second(shop, nightly)


def _check_second(shop: Shop, nightly: Airflow) -> None:
    store = shop.store()
    for table in (SERVING_RECOMMENDATIONS, SERVING_SEARCH_RESULTS):
        days = store.read(table).select("ds").distinct().collect()
        assert [str(row.ds) for row in days] == [SECOND], table.name
    assert store.read(SERVING_RECOMMENDATIONS).where("rank > 5").isEmpty()
    judged = store.read(GOLD_EVALUATION).select("ds").distinct().collect()
    assert [str(row.ds) for row in judged] == [FIRST]
    refused = store.read(OPS_JOB_RUNS).where("exit_code = 75").select("job").collect()
    assert [row.job for row in refused] == ["build_item_cf"]
    events = nightly.rows(
        "SELECT a.name, e.extra FROM asset_event e JOIN asset a ON a.id = e.asset_id "
        "ORDER BY e.id"
    )  # fmt: skip
    told = {(event["name"], json.loads(event["extra"])["ds"]) for event in events}
    names = ("serving.recommendations", "serving.search_results")
    assert told == {(name, ds) for name in names for ds in (FIRST, SECOND)}


class Page:
    """A running web server of Airflow, spoken to by its REST API."""

    def __init__(self, port: int, home: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._home = home
        self._token = ""

    def log_in(self) -> None:
        """With what `make airflow` prints."""
        file = self._home / "simple_auth_manager_passwords.json.generated"
        password = json.loads(file.read_text())["admin"]
        told = self("POST", "/auth/token", username="admin", password=password)
        self._token = told["access_token"]

    def __call__(self, method: str, path: str, **body: Any) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def within(seconds: float, what: str, condition: Callable[[], Any]) -> Any:
    """The condition's value as soon as it is true; what it raises meanwhile counts as not yet."""
    deadline, problem = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except OSError as error:
            problem = str(error)
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds} s {problem}")


@pytest.fixture
def page(nightly: Airflow) -> Iterator[Page]:
    """`make airflow`, on a port of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = nightly.home / "standalone.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [SCRIPT], env={**nightly.variables, "PORT": str(port)}, start_new_session=True,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    made = Page(port, nightly.home)
    try:
        within(300, "log in", lambda: (made.log_in(), True)[1])
        assert f"http://localhost:{port}  user admin, password " in log.read_text()
        yield made
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        assert process.wait(120) == 0


def task_process(conf: str) -> int | None:
    """The process of Airflow that waits for a spark-submit with this configuration."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_text().split("\0")
            status = (folder / "status").read_text()
        except OSError:
            continue
        if conf in arguments and "org.apache.spark.deploy.SparkSubmit" in arguments:
            return next(int(line[5:]) for line in status.splitlines() if line.startswith("PPid:"))
    return None


def test_a_killed_task_is_tried_again_and_gives_the_same(
    page: Page, nightly: Airflow, shop: Shop
) -> None:
    for name in ("ingest", "build_item_cf"):
        job(name, shop.conf(), SECOND)
    before = shop.store().digest(ITEM_NEIGHBOURS)
    within(300, "the DAGs", lambda: len(page("GET", "/api/v2/dags")["dags"]) == 5)
    assert page("GET", "/api/v2/importErrors")["total_entries"] == 0
    connection = page("GET", "/api/v2/connections/nightshelf_spark")
    assert connection["host"] == "local[*]"
    assert page("GET", "/api/v2/pools/nightshelf_training")["slots"] == 1

    page("PATCH", "/api/v2/dags/one_job", is_paused=False)
    page(
        "POST", "/api/v2/dags/one_job/dagRuns", logical_date=f"{SECOND}T00:00:00Z",
        conf={"conf_file": shop.conf()},
    )  # fmt: skip
    process = within(300, "spark-submit", lambda: task_process(shop.conf()))
    lock = shop.lock(f"{ITEM_NEIGHBOURS.name}/{SECOND}")
    within(120, "the job's lock", lock.read_text)
    os.kill(process, signal.SIGKILL)

    def ended() -> tuple[str, int] | None:
        found = nightly.states("one_job", SECOND)["build_item_cf"]
        return found if found[0] in ("success", "failed") else None

    state, tries = within(900, "the task's end", ended)
    assert state == "success"
    assert tries > 1
    assert shop.store().digest(ITEM_NEIGHBOURS) == before
