"""Runs a job and kills its process group once the first data file of a table's commit is there.

Usage: killed_job.py TABLE JOB ARGUMENT…
"""

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nightshelf.tables import Store, Table


def die() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def data_files(folder: Path) -> set[Path]:
    return set(folder.rglob("*.parquet")) if folder.exists() else set()


def die_when_writing(folder: Path) -> None:
    before = data_files(folder)

    def watch() -> None:
        while data_files(folder) <= before:
            time.sleep(0.001)
        die()

    threading.Thread(target=watch, daemon=True).start()


def plant(name: str) -> None:
    for method in ("_commit", "append"):
        setattr(Store, method, _fatal(getattr(Store, method), name))


def _fatal(write: Callable[..., None], name: str) -> Callable[..., None]:
    def planted(self: Store, frame: Any, table: Table, *rest: Any) -> None:
        if table.name == name:
            die_when_writing(Path(self.path(table).removeprefix("file:")))
        write(self, frame, table, *rest)
        if table.name == name:
            die()

    return planted


if __name__ == "__main__":
    table, job, *arguments = sys.argv[1:]
    plant(table)
    sys.argv = [f"{job}.py", *arguments]
    importlib.import_module(f"nightshelf.jobs.{job}").main()
