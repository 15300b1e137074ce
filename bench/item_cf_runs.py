"""Runs of the job build_item_cf in a session of a process of its own, timed and watched.

    python bench/item_cf_runs.py '{"root": …, "warm": …, "runs": …}'

prints the seconds of each run as JSON.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from item_cf import config, job_s
from report import PeakMemory
from shop_pairs import AS_OF

from nightshelf.config import Config, SparkConfig
from nightshelf.session import build


@dataclass(frozen=True)
class Runs:
    """Seconds of each run, and the largest memory of all of the session's processes in MiB."""

    seconds: list[float]
    peak_rss_mb: int

    @property
    def best(self) -> float:
        """The shortest run."""
        return min(self.seconds)


def timed(
    root: Path,
    *,
    warm: Path | None = None,
    runs: int = 1,
    spark: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    as_of: date = AS_OF,
    beside: tuple[int, ...] = (),
) -> Runs:
    """Runs the job on the warehouse `root`, first on `warm` to load what a session needs.

    spark: its configuration. settings: sections of the job's. beside: processes whose memory counts
    too, with those below them.
    """
    told = {
        "root": str(root),
        "warm": str(warm or root),
        "runs": runs,
        "spark": {"master": "local[2]", "driver_memory": "4g", **(spark or {})},
        "settings": settings or {},
        "as_of": as_of.isoformat(),
    }
    command = [sys.executable, __file__, json.dumps(told)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        watched = [PeakMemory(pid) for pid in (process.pid, *beside)]
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(memory.poll() for memory in watched))
            time.sleep(0.2)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            sys.exit(err.read())
        seconds = json.loads(out.read().splitlines()[-1])
    return Runs([round(s, 2) for s in seconds], peak // 2**20)


def _with(base: Config, settings: Mapping[str, Any]) -> Config:
    tree = base.model_dump()
    for section, values in settings.items():
        tree[section] = tree[section] | values
    return Config.model_validate(tree)


def main() -> None:
    """The child: one session, a run to warm it, then those that count."""
    told = json.loads(sys.argv[1])
    spark = build(SparkConfig(**told["spark"]), "item_cf")
    as_of = date.fromisoformat(told["as_of"])
    job_s(spark, _with(config(Path(told["warm"])), told["settings"]), as_of)
    measured = _with(config(Path(told["root"])), told["settings"])
    seconds = [job_s(spark, measured, as_of) for _ in range(told["runs"])]
    spark.stop()
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
