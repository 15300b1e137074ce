"""Runs a job, one of whose Python tasks is disturbed; for spark-submit.

Usage: disturbed_job.py HOW MODULE MARKER JOB ARGUMENT…

HOW: `kill` ends, by SIGKILL, the executor that runs the first task of a step of MODULE, once;
`fail` lets the first partition of each such step fail twice. MARKER: a file that tells what was
done, a line each.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pyspark import TaskContext
from pyspark.sql.classic.dataframe import DataFrame

Step = Callable[[Iterable[Any]], Iterator[Any]]


def executor() -> int:
    """The process that runs this task: above the Python worker and the daemon that forked it."""
    process = os.getpid()
    while b"CoarseGrainedExecutorBackend" not in Path(f"/proc/{process}/cmdline").read_bytes():
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return process


def disturbed(step: Step, how: str, marker: str) -> Step:
    def task(batches: Iterable[Any]) -> Iterator[Any]:
        context = TaskContext.get()
        assert context is not None
        if context.partitionId() == 0 and how == "fail" and context.attemptNumber() < 2:
            with Path(marker).open("a") as told:
                told.write(f"failed attempt {context.attemptNumber()}\n")
            raise RuntimeError("a planted failure")
        if how == "kill" and not Path(marker).exists():
            process = executor()
            Path(marker).write_text(f"killed {process}\n")
            os.kill(process, signal.SIGKILL)
        yield from step(batches)

    return task


def plant(how: str, module: str, marker: str) -> None:
    plain = DataFrame.mapInArrow

    def planted(self: DataFrame, func: Step, *rest: Any, **named: Any) -> Any:
        if func.__module__.startswith(module):
            func = disturbed(func, how, marker)
        return plain(self, func, *rest, **named)

    DataFrame.mapInArrow = planted  # type: ignore[method-assign]


if __name__ == "__main__":
    how, module, marker, job, *arguments = sys.argv[1:]
    plant(how, module, marker)
    sys.argv = [f"{job}.py", *arguments]
    importlib.import_module(f"nightshelf.jobs.{job}").main()
