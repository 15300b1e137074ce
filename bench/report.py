"""What every benchmark's JSON says of where it was measured."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
VERSIONS = ("pyspark", "delta-spark", "numpy", "numba", "torch", "transformers")


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
        "versions": {name: version(name) for name in VERSIONS},
    }


def write(name: str, figures: dict[str, Any]) -> Path:
    """Writes `bench/results/<name>.json` and returns its path."""
    told = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), **figures}
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
    return path


@dataclass(frozen=True)
class Watched:
    """How a job went: its step lines by name, whole-process seconds, peak memory in MiB."""

    steps: dict[str, dict[str, Any]]
    seconds: float
    largest_process_mb: int
    all_processes_mb: int


def watch(job: str, settings: Iterable[str], arguments: Iterable[str] = ()) -> Watched:
    """Runs `jobs/<job>.py` with `--set` settings on local[2]; ends where it fails."""
    command = [sys.executable, str(ROOT / "jobs" / f"{job}.py"), *arguments]
    for setting in ("spark.master=local[2]", "logging.format=json", *settings):
        command += ["--set", setting]
    with tempfile.TemporaryFile("w+") as log:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        memory = PeakMemory(process.pid)
        while process.poll() is None:
            memory.poll()
            time.sleep(0.2)
        seconds = time.monotonic() - began
        log.seek(0)
        told = log.read()
    if process.returncode:
        sys.exit(told)
    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    return Watched(
        steps={line["step"]: line for line in lines if line["event"] == "step"},
        seconds=round(seconds, 1),
        largest_process_mb=memory.largest_process // 2**20,
        all_processes_mb=memory.total // 2**20,
    )


class PeakMemory:
    """The largest resident memory of a process and all below it, sampled while `poll` is called."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.total = 0
        self.largest_process = 0

    def poll(self) -> int:
        """Takes a sample; returns the memory of all processes, in bytes."""
        sizes = []
        try:
            for process in [self._process, *self._process.children(recursive=True)]:
                try:
                    sizes.append(process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
        except psutil.NoSuchProcess:
            return 0
        if sizes:
            self.total = max(self.total, sum(sizes))
            self.largest_process = max(self.largest_process, *sizes)
        return sum(sizes)


@contextmanager
def watched() -> Iterator[PeakMemory]:
    """The peak memory of this process, the JVM and the Python workers within the block."""
    memory, done = PeakMemory(os.getpid()), Event()

    def poll() -> None:
        while not done.wait(0.2):
            memory.poll()

    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(poll)
        try:
            yield memory
        finally:
            done.set()
            polling.result()
