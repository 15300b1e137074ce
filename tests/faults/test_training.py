"""Training by two ranks of Horovod on Spark's executors, one of which is killed."""

import dataclasses
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pyspark.sql import SparkSession
from safetensors.torch import load_file

from nightshelf.ctr.architecture import Architecture
from nightshelf.ctr.fitting import Work, fit
from nightshelf.ctr.settings import Settings
from nightshelf.errors import DataQualityError, RetryLaterError
from nightshelf.learning.distributed import Alone
from nightshelf.learning.launch import Launch
from tests.ctr.training_sets import training_set

SETTINGS = Settings(
    Architecture("dcn_v2", embedding=4, hidden=(16,)),
    batch_size=200,
    epochs=4,
    patience=4,
    learning_rate=0.03,
    averaged_epochs=2,
    checkpoint_steps=7,
)
STALL = 20
pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.long]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_set(tmp_path_factory.mktemp("samples"))


@dataclasses.dataclass
class Ended:
    """How a launch went."""

    told: dict[str, Any]
    warnings: list[str]
    seconds: float


@pytest.fixture
def launch(spark: SparkSession, data: Path) -> Callable[..., Ended]:
    def run(out: Path, restarts: int = 2, **changes: Any) -> Ended:
        warnings: list[str] = []
        began = time.monotonic()
        told = Launch(
            spark=spark,
            work=Work(str(data), str(out), dataclasses.replace(SETTINGS, **changes)),
            ranks=2,
            restarts=restarts,
            stall_seconds=STALL,
            tell=lambda _: None,
            warn=warnings.append,
        ).run()
        return Ended(told, warnings, time.monotonic() - began)

    return run


def when_there(path: Path, act: Callable[[], None]) -> threading.Thread:
    """Acts once a file is there, in a thread."""

    def wait() -> None:
        while not path.exists():
            time.sleep(0.002)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def hit(out: Path, rank: int, blow: signal.Signals) -> None:
    os.kill(json.loads((out / f"rank-{rank}.json").read_text())["pid"], blow)


def test_a_killed_rank_costs_time_and_nothing_else(
    launch: Callable[..., Ended], data: Path, tmp_path: Path
) -> None:
    whole = launch(tmp_path / "whole")
    assert whole.warnings == []
    out = tmp_path / "killed"
    # In the second epoch of twenty steps each.
    killer = when_there(
        out / "checkpoints" / "step-000000028.json", lambda: hit(out, 1, signal.SIGKILL)
    )
    killed = launch(out)
    killer.join()
    assert len(killed.warnings) == 1
    assert "goes on from its last checkpoint" in killed.warnings[0]
    assert killed.told["losses"] == pytest.approx(whole.told["losses"], abs=1e-6)
    assert killed.told["valid_aucs"] == pytest.approx(whole.told["valid_aucs"], abs=1e-6)
    models = [load_file(path / "model.safetensors") for path in (tmp_path / "whole", out)]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])
    # Two ranks learn as one does.
    alone = fit(Work(str(data), str(tmp_path / "alone"), SETTINGS), Alone())
    assert whole.told["losses"] == pytest.approx(alone["losses"], abs=0.02)
    assert whole.told["valid_aucs"] == pytest.approx(alone["valid_aucs"], abs=0.02)
    assert whole.told["rows"] == alone["rows"] == 4_000


def test_a_rank_that_hangs_is_given_up(launch: Callable[..., Ended], tmp_path: Path) -> None:
    stopped = tmp_path / "checkpoints" / "step-000000014.json"
    blow = when_there(stopped, lambda: hit(tmp_path, 1, signal.SIGSTOP))
    began = time.monotonic()
    with pytest.raises(RetryLaterError, match="the training broke 1 times"):
        launch(tmp_path, restarts=0, epochs=50)
    blow.join()
    hit(tmp_path, 1, signal.SIGKILL)
    assert time.monotonic() - began < 4 * STALL


def test_a_diverging_training_is_no_reason_to_try_again(
    launch: Callable[..., Ended], tmp_path: Path
) -> None:
    with pytest.raises(DataQualityError, match="the training diverged in step"):
        launch(tmp_path, learning_rate=1e30)
    assert not (tmp_path / "model.json").exists()
