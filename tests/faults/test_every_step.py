"""A night whose driver is killed in each of its steps, while that step writes its tables."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshelf.config import WarehouseConfig
from nightshelf.jobs.nightly import NAMES
from nightshelf.tables import (
    CUSTOMERS,
    DRIFT,
    FUNNELS,
    GOLD_EVALUATION,
    GOLD_RECOMMENDATIONS,
    GOLD_SEARCH_RESULTS,
    ITEM_FEATURES,
    ITEM_NEIGHBOURS,
    OPS_MODELS,
    REVIEW_SCORES,
    SAMPLES,
    SEARCH_INDEX,
    SERVING_RECOMMENDATIONS,
    SERVING_SEARCH_RESULTS,
    SILVER_EVENTS,
    TEXT_NEIGHBOURS,
    USER_FEATURES,
    Store,
    Table,
)
from tests.faults.test_killed import ROOT, SPARK
from tests.jobs.conftest import Invoke
from tests.text.tiny import save

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.long]

DS, EARLIER = "2026-01-12", "2026-01-05"
KILLED_AT: dict[str, Table] = {
    "ingest": SILVER_EVENTS,
    "score_reviews": REVIEW_SCORES,
    "build_item_text": TEXT_NEIGHBOURS,
    "build_item_cf": ITEM_NEIGHBOURS,
    "build_features": ITEM_FEATURES,
    "build_samples": SAMPLES,
    "check_drift": DRIFT,
    "train_towers": OPS_MODELS,
    "train_ctr": OPS_MODELS,
    "recommend": GOLD_RECOMMENDATIONS,
    "train_text": OPS_MODELS,
    "build_search_index": SEARCH_INDEX,
    "rank_search": GOLD_SEARCH_RESULTS,
    "analyse_behaviour": CUSTOMERS,
    "evaluate": GOLD_EVALUATION,
}
COMPARED = (
    SILVER_EVENTS,
    TEXT_NEIGHBOURS,
    ITEM_NEIGHBOURS,
    USER_FEATURES,
    ITEM_FEATURES,
    SAMPLES,
    GOLD_RECOMMENDATIONS,
    SERVING_RECOMMENDATIONS,
    SEARCH_INDEX,
    GOLD_SEARCH_RESULTS,
    SERVING_SEARCH_RESULTS,
    DRIFT,
    FUNNELS,
    CUSTOMERS,
    GOLD_EVALUATION,
)


def settings(root: Path, weights: Path) -> list[str]:
    told = {
        "warehouse.root": root / "warehouse", "text.model": weights,
        "simulate.users": 200, "simulate.items": 80, "simulate.days": 12,
        "simulate.sessions_per_day": 1.0, "ctr.epochs": 1, "towers.epochs": 1,
        "reviews.min_rated": 50, "text_training.min_pairs": 50, "text_training.pairs": 400,
    }  # fmt: skip
    return [x for key, value in told.items() for x in ("--set", f"{key}={value}")]


def killed(step: str, arguments: list[str]) -> int:
    """Runs a step in a process of its own, killed while it writes the step's table."""
    day = EARLIER if step == "evaluate" else DS
    command = [
        sys.executable, "-m", "tests.faults.killed_job", KILLED_AT[step].name, step,
        "--ds", day, *arguments, *SPARK,
    ]  # fmt: skip
    return subprocess.run(
        command, cwd=ROOT, start_new_session=True, timeout=600, check=False
    ).returncode


def digests(spark: SparkSession, root: Path) -> dict[str, str]:
    store = Store(spark, WarehouseConfig(root=str(root / "warehouse")), "reader")
    return {table.name: store.digest(table) for table in COMPARED}


def test_a_night_killed_in_each_step_is_repaired_by_a_rerun(
    invoke: Invoke, spark: SparkSession, tmp_path: Path
) -> None:
    """Each step is killed, then run again; in the end all is as in a night that was left alone."""
    tables_of_their_own = [name for name in NAMES if name not in ("simulate_shop", "report")]
    assert list(KILLED_AT) == tables_of_their_own
    weights = save(tmp_path / "weights")
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    for root in (undisturbed, disturbed):
        told = settings(root, weights)
        assert invoke("simulate_shop", "--ds", DS, *told).code == 0
        # Lists of an earlier day, which tonight's events judge.
        first = (
            *told,
            "--ds",
            EARLIER,
            "--set",
            "ctr.enabled=false",
            "--set",
            "towers.enabled=false",
        )
        assert invoke("nightly", *first, "--from", "ingest", "--to", "recommend").code == 0
    whole = invoke("nightly", "--ds", DS, "--from", "ingest", *settings(undisturbed, weights))
    assert whole.code == 0, whole.lines
    told = settings(disturbed, weights)
    for step in KILLED_AT:
        before = digests_served(spark, disturbed)
        assert killed(step, told) == -signal.SIGKILL, step
        assert digests_served(spark, disturbed) == before, step
        day = EARLIER if step == "evaluate" else DS
        again = invoke(step, "--ds", day, *told)
        assert again.code == 0, (step, again.lines)
    assert digests(spark, disturbed) == digests(spark, undisturbed)
    assert not list((disturbed / "warehouse" / "_staging").glob("*/*"))


def digests_served(spark: SparkSession, root: Path) -> list[str | None]:
    """What readers have: no killed step may change it."""
    store = Store(spark, WarehouseConfig(root=str(root / "warehouse")), "reader")
    served = (SERVING_RECOMMENDATIONS, SERVING_SEARCH_RESULTS)
    return [store.digest(t) if store.version(t) is not None else None for t in served]
