"""What every benchmark's JSON says of where it was measured."""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Processor, cores, memory, and the versions that matter."""
    cpuinfo = Path("/proc/cpuinfo")
    names = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(": ")[1] for line in names if line.startswith("model name")), "")
    return {
        "cpu": model or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("pyspark", "delta-spark", "numpy", "numba")},
    }


def write(name: str, figures: dict[str, Any]) -> Path:
    """Writes `bench/results/<name>.json` and returns its path."""
    told = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), **figures}
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
    return path


class PeakMemory:
    """The largest resident memory of a process and all below it, sampled while `poll` is called."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.total = 0
        self.largest_process = 0

    def poll(self) -> None:
        """Takes a sample."""
        sizes = []
        try:
            for process in [self._process, *self._process.children(recursive=True)]:
                try:
                    sizes.append(process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
        except psutil.NoSuchProcess:
            return
        if sizes:
            self.total = max(self.total, sum(sizes))
            self.largest_process = max(self.largest_process, *sizes)
