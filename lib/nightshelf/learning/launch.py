"""Starts a training on the Spark session's executors, watches it, and starts it again."""

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pyspark.sql import SparkSession

from nightshelf.errors import NightshelfError, RetryLaterError, first_line, told_elsewhere
from nightshelf.learning import progress
from nightshelf.learning.distributed import on_spark
from nightshelf.learning.rank import FAILURE, Work, as_rank
from nightshelf.learning.storage import Folder

START_SECONDS: Final = 120
TELL_SECONDS: Final = 10.0
TUNING: Final = ("HOROVOD_", "NCCL_")
_POLL_SECONDS: Final = 0.5


@dataclass
class Launch:
    """A training job: `ranks` processes; `restarts` times it goes on from its last checkpoint.

    stall_seconds: how long no step may be taken, no rows judged and no file copied, before the job
    is ended.
    tell: called with what `progress` tells, now and then. warn: called with a line when it is
    started again.
    """

    spark: SparkSession
    work: Work
    ranks: int
    restarts: int
    stall_seconds: int
    tell: Callable[[dict[str, Any]], None]
    warn: Callable[[str], None]

    def run(self) -> dict[str, Any]:
        """What rank 0 tells in the end.

        Raises what a rank raised where an operator can act on it, and RetryLaterError where the
        training broke more often than it may be restarted.
        """
        for attempt in range(self.restarts + 1):
            why = None
            try:
                found = self._attempt()
            except RetryLaterError as error:  # storage may do as asked the next time
                why = first_line(error)
            except NightshelfError:
                raise
            except Exception as error:  # Horovod and Spark raise plain ones for a lost rank
                why = first_line(error)
            if why is None:
                return found
            if attempt < self.restarts:
                self.warn(f"the training broke ({why}); it goes on from its last checkpoint")
        raise RetryLaterError(
            f"the training broke {self.restarts + 1} times, at last: {why}; look at the executors' "
            "logs and memory, then run again"
        )

    def _attempt(self) -> dict[str, Any]:
        out = Folder(self.work.out)
        for name in (FAILURE, progress.NAME, progress.ALIVE):
            out.remove(name)
        ended, stalled = threading.Event(), threading.Event()
        watch = threading.Thread(target=self._watch, args=(out, ended, stalled), daemon=True)
        watch.start()
        quiet, threading.excepthook = threading.excepthook, _unless_spark
        try:
            # In the main thread: Horovod sets handlers of signals.
            told = on_spark(
                self.spark.sparkContext,
                as_rank,
                (self.work,),
                self.ranks,
                self._environment(),
                START_SECONDS,
            )
        except Exception as error:
            if stalled.is_set():
                raise TimeoutError(f"no step for {self.stall_seconds} seconds") from error
            raise _failure(out) or error from None
        finally:
            ended.set()
            watch.join()
            threading.excepthook = quiet
        return dict(told[0])

    def _environment(self) -> dict[str, str]:
        """What joins the ranks' environment: that of Spark's Python workers on their machine."""
        stall = str(self.stall_seconds)
        return {
            # Never all of the driver's: its paths are of another machine, its secrets nobody's.
            **{name: value for name, value in os.environ.items() if name.startswith(TUNING)},
            "OMP_NUM_THREADS": str(self.work.settings.threads),
            "HOROVOD_STALL_CHECK_TIME_SECONDS": str(max(1, self.stall_seconds // 2)),
            "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": stall,
            "HOROVOD_GLOO_TIMEOUT_SECONDS": stall,
            # What cuBLAS wants for sums that do not change from run to run.
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        }

    def _watch(self, out: Folder, ended: threading.Event, stalled: threading.Event) -> None:
        """Tells of the progress until the training has ended; ends it where no step is taken."""
        seen: dict[str, Any] = {}
        sign: dict[str, Any] = {}
        moved = told = time.monotonic()
        limit = START_SECONDS + self.stall_seconds
        while not ended.wait(_POLL_SECONDS):
            now = time.monotonic()
            newest, alive = progress.read(out) or seen, progress.alive(out) or sign
            if alive != sign:
                sign, moved = alive, now
            if newest != seen:
                seen, moved, limit = newest, now, self.stall_seconds
                if now - told >= TELL_SECONDS:
                    told = now
                    self.tell(newest)
            elif now - moved > limit:
                stalled.set()
                self.spark.sparkContext.cancelAllJobs()
                return


def _failure(out: Folder) -> NightshelfError | None:
    """The error that a rank left for us."""
    try:
        told = json.loads(out.read(FAILURE))
    except (FileNotFoundError, ValueError):
        return None
    return told_elsewhere(told["kind"], told["message"])


def _unless_spark(told: threading.ExceptHookArgs) -> None:
    """Horovod's own thread says on the screen what `run` raises anyway."""
    if told.thread is None or "run_spark" not in told.thread.name:
        threading.__excepthook__(told)
