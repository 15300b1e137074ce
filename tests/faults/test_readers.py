"""Readers while lists are published: they see the old or the new, never some of both."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from nightshelf.tables import SERVING_RECOMMENDATIONS
from tests.faults.test_killed import ROOT
from tests.jobs.conftest import Invoke, Shop

pytestmark = [pytest.mark.faults, pytest.mark.slow]
ROUNDS = 2


def test_a_reader_sees_one_day_or_the_other(invoke: Invoke, nights: Shop, tmp_path: Path) -> None:
    table = nights.store.path(SERVING_RECOMMENDATIONS).removeprefix("file:")
    stop = tmp_path / "stop"
    command = [sys.executable, str(ROOT / "tests" / "faults" / "reading.py"), table, str(stop)]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for day in ("2026-11-23", "2026-11-24") * ROUNDS:
            ended = invoke("rollback", "--conf-file", nights.conf, "--to-ds", day)
            assert ended.code == 0, ended.lines
    finally:
        stop.touch()
        told, _ = reader.communicate(timeout=60)
    assert reader.returncode == 0
    seen = [ast.literal_eval(line) for line in told.splitlines()]
    assert len(seen) > 2 * ROUNDS
    assert {tuple(read) for read in seen} == {(("2026-11-23", 12),), (("2026-11-24", 12),)}
