"""A driver killed while it publishes, and two nights at once: real processes, SIGKILL."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nightshelf.tables import GOLD_RECOMMENDATIONS, SERVING_RECOMMENDATIONS
from tests.jobs.conftest import Invoke, Shop

ROOT = Path(__file__).resolve().parents[2]
UNCOMPILED = '{spark.sql.codegen.wholeStage: "false", spark.sql.codegen.factoryMode: NO_CODEGEN}'
SPARK = (
    "--set", "spark.master=local[2]",
    "--set", "spark.driver_memory=1g",
    "--set", "spark.shuffle_partitions=4",
    "--set", f"spark.conf={UNCOMPILED}",
)  # fmt: skip
pytestmark = [pytest.mark.faults, pytest.mark.slow]


def digests(shop: Shop) -> tuple[str, str]:
    return shop.store.digest(GOLD_RECOMMENDATIONS), shop.store.digest(SERVING_RECOMMENDATIONS)


def killed(shop: Shop, point: str, table: str) -> int:
    """Runs `recommend` for the last day in a process of its own until it is killed at the point."""
    command = [
        sys.executable, "-m", "tests.faults.killed_job", point, table,
        "recommend", "--conf-file", shop.conf, "--ds", "2026-11-24", *SPARK,
    ]  # fmt: skip
    return subprocess.run(
        command, cwd=ROOT, start_new_session=True, timeout=300, check=False
    ).returncode


def test_a_killed_driver_leaves_the_old_list_and_a_rerun_repairs(
    invoke: Invoke, shop: Shop
) -> None:
    conf = ("--conf-file", shop.conf)
    assert invoke("nightly", *conf, "--ds", "2026-11-23", "--to", "recommend").code == 0
    assert invoke("nightly", *conf, "--ds", "2026-11-24", "--to", "build_item_cf").code == 0
    old_serving = shop.store.digest(SERVING_RECOMMENDATIONS)
    old_gold = shop.store.digest(GOLD_RECOMMENDATIONS)
    gold, serving = GOLD_RECOMMENDATIONS.name, SERVING_RECOMMENDATIONS.name
    for point, table, gold_kept in [
        ("writing", gold, True),
        ("committed", gold, False),
        ("writing", serving, False),
    ]:
        assert killed(shop, point, table) == -signal.SIGKILL, point
        assert shop.store.digest(SERVING_RECOMMENDATIONS) == old_serving, (point, table)
        assert (shop.store.digest(GOLD_RECOMMENDATIONS) == old_gold) == gold_kept, (point, table)
    assert invoke("recommend", *conf, "--ds", "2026-11-24").code == 0
    repaired = digests(shop)

    undisturbed = Shop(shop.folder / "undisturbed", shop.spark)
    undisturbed.folder.mkdir()
    (shop.folder / "log").rename(undisturbed.folder / "log")
    undisturbed.configure()
    for ds in ("2026-11-23", "2026-11-24"):
        told = ("--conf-file", undisturbed.conf, "--ds", ds, "--to", "recommend")
        assert invoke("nightly", *told).code == 0
    assert repaired == digests(undisturbed)
    assert not list((shop.folder / "warehouse" / "_staging").glob("*/*"))


def test_of_two_nights_at_once_one_is_told_that_the_lock_is_held(
    invoke: Invoke, shop: Shop
) -> None:
    night = ("--conf-file", shop.conf, "--ds", "2026-11-24")
    command = [sys.executable, str(ROOT / "jobs" / "nightly.py"), *night, *SPARK]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lock = shop.folder / "warehouse" / "_locks" / "nightly" / "2026-11-24.lock"
    deadline = time.monotonic() + 120
    while not (lock.exists() and lock.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second = invoke("nightly", *night)
    assert second.code == 75
    assert "nightly/2026-11-24: the lock is held by run 2026-11-24-" in second.error
    _, told = first.communicate(timeout=300)
    assert first.returncode == 0, told
    assert shop.store.read(SERVING_RECOMMENDATIONS).count() == 12
