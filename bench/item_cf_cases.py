"""Item-CF where it could be slow: a robot's history, a large shop's next night, two executors.

Writes results/item_cf_cases.json, three cases on the pairs of `item_cf`, each in a warm session,
the better of two runs:

robot      one user with 10 million events more, in silver.events as if ingest had let them pass
settled    four events a pair; all events counted anew, or those after the last settled day only
executors  a Spark standalone master and workers of one core on this machine: one, then two
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyspark
from item_cf import PAIRS, K
from item_cf_runs import timed
from report import RESULTS, write
from shop_pairs import AS_OF, FILES, ITEMS, Pairs, shop_pairs, write_shop

from nightshelf.config import SparkConfig
from nightshelf.session import build

CASES = ("executors", "robot", "settled")
RUNS = 2
ROBOT_EVENTS = 10_000_000
EVENTS_A_PAIR = 4
PLAIN = {"item_cf": {"max_items_per_user": 500}}  # a night's cap, which a robot needs
SETTLED = {"ingest": {"window_days": 1}, "item_cf": {"settle_events": 1}}
WORKER_MEMORY = "3g"


def with_robot(pairs: Pairs) -> Pairs:
    """The pairs and one user more, who takes any item again and again."""
    user = np.full(ROBOT_EVENTS, pairs.user[-1] + 1, np.int32)
    item = np.random.default_rng(3).integers(0, ITEMS, ROBOT_EVENTS, np.int32)
    return Pairs(np.concatenate([pairs.user, user]), np.concatenate([pairs.item, item]))


def repeated(pairs: Pairs) -> Pairs:
    """Each pair several times."""
    return Pairs(np.repeat(pairs.user, EVENTS_A_PAIR), np.repeat(pairs.item, EVENTS_A_PAIR))


def robot(plain: Path, robots: Path) -> dict[str, Any]:
    """Both shops under a night's cap."""
    without = timed(plain, runs=RUNS, settings=PLAIN).best
    with_one = timed(robots, runs=RUNS, settings=PLAIN).best
    return {
        "robot_events": ROBOT_EVENTS,
        "without_s": without,
        "with_s": with_one,
        "slower": round(with_one / without - 1, 3),
    }


def settled(root: Path, warm: Path) -> dict[str, Any]:
    """The night before keeps its sums; the last day's events are what this night adds."""
    full = timed(root, runs=RUNS)
    day_before = AS_OF - timedelta(days=1)
    kept = timed(root, warm=warm, settings=SETTLED, as_of=day_before).best
    next_night = timed(root, runs=RUNS, settings=SETTLED)
    return {
        "events_a_pair": EVENTS_A_PAIR,
        "full_s": full.best,
        "next_night_s": next_night.best,
        "night_that_keeps_sums_s": kept,
        "faster": round(full.best / next_night.best, 2),
    }


def executors(root: Path) -> dict[str, Any]:
    """The plain job on one worker and on two."""
    found = {}
    for workers in (1, 2):
        with cluster(workers) as (master, pids):
            spark = {
                "master": master,
                "conf": {
                    "spark.driver.host": "127.0.0.1",
                    "spark.executor.memory": WORKER_MEMORY,
                    "spark.default.parallelism": "2",  # the same work, cut alike
                },
            }
            found[workers] = timed(root, runs=RUNS, spark=spark, beside=pids)
    return {
        "one_worker_s": found[1].best,
        "two_workers_s": found[2].best,
        "speed_up": round(found[1].best / found[2].best, 2),
        "peak_rss_mb": found[2].peak_rss_mb,
    }


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A standalone master with workers of one core: its address, and all their processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    master = f"spark://127.0.0.1:{port}"
    package = "org.apache.spark.deploy"
    at = ("--host", "127.0.0.1", "--webui-port", "0")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        began = [
            running.enter_context(
                _daemon(f"{package}.master.Master", folder, *at, "--port", str(port))
            )
        ]
        for _ in range(workers):
            size = ("--cores", "1", "--memory", "5g", "--work-dir", folder)
            began.append(
                running.enter_context(
                    _daemon(f"{package}.worker.Worker", folder, *at, *size, master)
                )
            )
        time.sleep(10)  # until the workers are registered
        yield master, tuple(process.pid for process in began)


@contextmanager
def _daemon(name: str, folder: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    home = Path(pyspark.__file__).parent
    log = Path(folder) / f"{name}-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(home / "bin" / "spark-class"), name, *arguments],
            env={**os.environ, "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable},
            stdout=out,
            stderr=out,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    """Makes the shops, then measures one case after the other: those named, or all.

    What is not named stays as it was measured before.
    """
    named = sys.argv[1:] or CASES
    path = RESULTS / "item_cf_cases.json"
    figures = json.loads(path.read_text()) if path.exists() else {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        pairs = shop_pairs(PAIRS)
        spark = build(SparkConfig(master="local[2]", driver_memory="6g"), "cases")
        plain = write_shop(spark, pairs, folder / "plain")
        figures |= {"pairs": len(pairs), "k": K}
        if "robot" in named:
            robots = write_shop(spark, with_robot(pairs), folder / "robot")
        if "settled" in named:
            often = write_shop(spark, repeated(pairs), folder / "often", FILES * EVENTS_A_PAIR)
        spark.stop()
        if "executors" in named:
            figures["executors"] = executors(plain)
        if "robot" in named:
            figures["robot"] = robot(plain, robots)
        if "settled" in named:
            figures["settled"] = settled(often, plain)
    for known in ("date", "machine"):
        figures.pop(known, None)
    print(write("item_cf_cases", figures).read_text())


if __name__ == "__main__":
    main()
