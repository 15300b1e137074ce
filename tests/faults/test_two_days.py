"""Nights of two days at once, each in a process of its own."""

import shutil
import subprocess
import sys

import pytest

from nightshelf.tables import (
    GOLD_RECOMMENDATIONS,
    ITEM_NEIGHBOURS,
    SERVING_RECOMMENDATIONS,
    SILVER_EVENTS,
)
from tests.faults.test_killed import ROOT, SPARK
from tests.jobs.conftest import PLAIN, Shop

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.long]
TABLES = (SILVER_EVENTS, ITEM_NEIGHBOURS, GOLD_RECOMMENDATIONS, SERVING_RECOMMENDATIONS)


def test_nights_of_two_days_at_once_give_what_they_give_in_turn(nights: Shop) -> None:
    """`nights` ran them in turn; nothing of that is left to the two that run now."""
    serial = {table.name: nights.store.digest(table) for table in TABLES}
    shutil.rmtree(nights.folder / "warehouse")
    both = [
        subprocess.Popen(
            [
                sys.executable, str(ROOT / "jobs" / "nightly.py"), *PLAIN, *SPARK,
                "--conf-file", nights.conf, "--ds", day, "--to", "recommend",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for day in ("2026-11-23", "2026-11-24")
    ]  # fmt: skip
    for night in both:
        _, told = night.communicate(timeout=600)
        assert night.returncode == 0, told
    assert {table.name: nights.store.digest(table) for table in TABLES} == serial
