"""A driver killed while it publishes, and two nights at once: real processes, SIGKILL."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nightshelf.tables import GOLD_RECOMMENDATIONS, SERVING_RECOMMENDATIONS
from tests.jobs.conftest import PLAIN, Invoke, Shop

ROOT = Path(__file__).resolve().parents[2]
DS = "2026-11-24"
QUICK_START = (
    '{spark.sql.codegen.wholeStage: "false", spark.sql.codegen.factoryMode: NO_CODEGEN, '
    '"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1"}'
)
SPARK = (
    "--set", "spark.master=local[2]",
    "--set", "spark.driver_memory=1g",
    "--set", "spark.shuffle_partitions=4",
    "--set", f"spark.conf={QUICK_START}",
)  # fmt: skip
pytestmark = [pytest.mark.faults, pytest.mark.slow]


def digests(shop: Shop) -> tuple[str, str]:
    return shop.store.digest(GOLD_RECOMMENDATIONS), shop.store.digest(SERVING_RECOMMENDATIONS)


def killed(shop: Shop, table: str) -> int:
    """Runs `recommend` for the last day in a process of its own, killed while it writes a table."""
    command = [
        sys.executable, "-m", "tests.faults.killed_job", table, "recommend",
        *PLAIN, "--conf-file", shop.conf, "--ds", DS, *SPARK,
    ]  # fmt: skip
    return subprocess.run(
        command, cwd=ROOT, start_new_session=True, timeout=300, check=False
    ).returncode


@pytest.mark.long
def test_a_killed_driver_leaves_the_old_list_and_a_rerun_repairs(
    invoke: Invoke, shop: Shop
) -> None:
    conf = (*PLAIN, "--conf-file", shop.conf)
    assert invoke("nightly", *conf, "--ds", "2026-11-23", "--to", "recommend").code == 0
    assert invoke("nightly", *conf, "--ds", DS, "--to", "build_item_cf").code == 0
    undisturbed = Shop(shop.folder / "undisturbed", shop.spark)
    undisturbed.folder.mkdir()
    undisturbed.configure()
    shutil.copytree(shop.folder / "warehouse", undisturbed.folder / "warehouse")
    old_serving = shop.store.digest(SERVING_RECOMMENDATIONS)
    old_gold = shop.store.digest(GOLD_RECOMMENDATIONS)
    gold, serving = GOLD_RECOMMENDATIONS.name, SERVING_RECOMMENDATIONS.name
    # While the second is written the first is committed.
    for table, gold_kept in [(gold, True), (serving, False)]:
        assert killed(shop, table) == -signal.SIGKILL, table
        assert shop.store.digest(SERVING_RECOMMENDATIONS) == old_serving, table
        assert (shop.store.digest(GOLD_RECOMMENDATIONS) == old_gold) == gold_kept, table
    assert invoke("recommend", *conf, "--ds", DS).code == 0
    repaired = digests(shop)

    told = (*PLAIN, "--conf-file", undisturbed.conf, "--ds", DS)
    assert invoke("recommend", *told).code == 0
    assert repaired == digests(undisturbed)
    assert not list((shop.folder / "warehouse" / "_staging").glob("*/*"))


@pytest.mark.long
def test_of_two_nights_at_once_one_is_told_that_the_lock_is_held(
    invoke: Invoke, shop: Shop
) -> None:
    night = (*PLAIN, "--conf-file", shop.conf, "--ds", DS)
    command = [sys.executable, str(ROOT / "jobs" / "nightly.py"), *night, *SPARK]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lock = shop.folder / "warehouse" / "_locks" / "nightly" / f"{DS}.lock"
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
