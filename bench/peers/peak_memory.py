"""The peak memory of a peer, taken as the other benchmarks take it."""

import os
import sys
import threading
from pathlib import Path
from types import TracebackType

sys.path.append(str(Path(__file__).resolve().parents[1]))
from report import PeakMemory


class WatchedMemory:
    """Samples this process and all below it, from entering until leaving."""

    def __init__(self) -> None:
        self.mb = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "WatchedMemory":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        memory = PeakMemory(os.getpid())
        while True:
            memory.poll()
            self.mb = memory.total // 2**20
            if self._ended.wait(0.1):
                return
