"""Jobs run as a user runs them: arguments in, exit code, screen and tables out."""

import importlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from pyspark.sql import SparkSession

from nightshelf.config import WarehouseConfig
from nightshelf.tables import Store


@dataclass(frozen=True)
class Ended:
    """How a job ended."""

    code: int
    out: str
    lines: list[dict[str, Any]]

    @property
    def error(self) -> str:
        """The one error line."""
        errors = [line["event"] for line in self.lines if line["level"] == "error"]
        assert len(errors) == 1
        return str(errors[0])


Invoke = Callable[..., Ended]
FEW = ("--set", "spark.shuffle_partitions=2")
PLAIN = (
    *("--set", "ctr.enabled=false", "--set", "towers.enabled=false"),
    *("--set", "text.enabled=false", "--set", "search.enabled=false"),
    *("--set", "behaviour.enabled=false", "--set", "drift.enabled=false"),
)
"""Five users are no samples to learn from; finding that out takes its time."""


@pytest.fixture
def invoke(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Invoke:
    """Runs a job's `main` in this process's session."""

    def run(job: str, *arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", [f"{job}.py", *arguments, *FEW])
        with pytest.raises(SystemExit) as ended:
            importlib.import_module(f"nightshelf.jobs.{job}").main()
        told = capsys.readouterr()
        lines = [json.loads(line) for line in told.err.splitlines() if line.startswith("{")]
        return Ended(int(ended.value.code or 0), told.out, lines)

    return run


@dataclass(frozen=True)
class Shop:
    """A small shop in a folder of its own: daily CSV files, a config, a warehouse."""

    folder: Path
    spark: SparkSession

    @property
    def conf(self) -> str:
        return str(self.folder / "shop.yaml")

    @property
    def store(self) -> Store:
        """A fresh reader."""
        return Store(self.spark, WarehouseConfig(root=str(self.folder / "warehouse")), "reader")

    def deliver(self, day: str, *rows: str, header: str = "user,item,type,at,price") -> Path:
        path = self.folder / "log" / f"{day}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    def configure(self, text: str = "", sources: str = "") -> None:
        """Writes the configuration: `sources` goes on from its sources, `text` from its end."""
        told = CONF.format(folder=self.folder, sources=sources.strip("\n"))
        (self.folder / "shop.yaml").write_text(told + text)


CONF = """
warehouse: {{root: {folder}/warehouse}}
sources:
  root: {folder}
  events:
    format: csv
    path: log/{{ds}}.csv
    options: {{header: true}}
    columns: {{user_id: user, item_id: item, event_type: type, event_ts: at, price: price}}
{sources}
recommend: {{k: 2, user_cf_weight: 0}}
item_cf: {{min_co_users: 1, k: 5}}
"""


@pytest.fixture
def shop(tmp_path: Path, spark: SparkSession) -> Shop:
    """Five users and four items over three days."""
    return small_shop(tmp_path, spark)


@pytest.fixture(scope="session")
def two_nights(
    tmp_path_factory: pytest.TempPathFactory, spark: SparkSession, worker_id: str
) -> Shop:
    """The shop after the nights of the 23rd and the 24th; for `nights` alone to read.

    Made once, by whichever process of the tests comes first.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "two-nights"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            _make_two_nights(folder.with_suffix(".part"), spark)
            folder.with_suffix(".part").rename(folder)
    return Shop(folder, spark)


def _make_two_nights(folder: Path, spark: SparkSession) -> None:
    folder.mkdir()
    made = small_shop(folder, spark)
    with pytest.MonkeyPatch.context() as patch:
        for day in ("2026-11-23", "2026-11-24"):
            told = ["--conf-file", made.conf, "--ds", day, "--to", "recommend", *PLAIN, *FEW]
            patch.setattr(sys, "argv", ["nightly.py", *told])
            with pytest.raises(SystemExit) as ended:
                importlib.import_module("nightshelf.jobs.nightly").main()
            assert not ended.value.code


@pytest.fixture
def nights(two_nights: Shop, tmp_path: Path) -> Shop:
    """A copy of the shop after two nights, to be worked on."""
    folder = tmp_path / "shop"
    shutil.copytree(two_nights.folder, folder)
    made = Shop(folder, two_nights.spark)
    made.configure()
    return made


def small_shop(folder: Path, spark: SparkSession) -> Shop:
    """See `shop`."""
    made = Shop(folder, spark)
    made.configure()
    for day in ("2026-11-22", "2026-11-23", "2026-11-24"):
        made.deliver(
            day,
            *(
                f"u{u},i{i},click,{day} 10:0{u}:{i:02d},9.5"
                for u in range(5)
                for i in range(u % 3 + 1)
            ),
            f"u0,i3,purchase,{day} 11:00:00,5",
        )
    return made


def night(invoke: Invoke, shop: Shop, ds: str, *steps: str) -> dict[str, dict[str, Any]]:
    """Runs the steps, which have to do well, and gives the line that each ends with."""
    told = {}
    for step in steps:
        ended = invoke(step, "--conf-file", shop.conf, "--ds", ds)
        assert ended.code == 0, ended.lines
        told[step] = next(line for line in ended.lines if line["event"] == "step")
    return told
