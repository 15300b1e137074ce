"""How far a training is: a small file that its driver reads, and a sign of life."""

import json
import os
import time
from dataclasses import dataclass, field
from typing import Any, Final

from nightshelf.errors import RetryLaterError
from nightshelf.learning.storage import Folder

SECONDS: Final = 1.0
NAME: Final = "progress.json"
ALIVE: Final = "alive.json"


@dataclass
class Progress:
    """What rank 0 tells, at most every `SECONDS`: step, loss, rows a second, seconds left.

    steps: those of all epochs.
    """

    folder: Folder
    steps: int
    begun: float = field(default_factory=time.monotonic)
    told_at: float = 0.0
    rows: int = 0
    taken: int = 0
    loss: float = 0.0

    def tell(self, step: int, rows: int, loss: float) -> None:
        """After a step, counted from 1, of `rows` rows of all ranks."""
        self.rows, self.taken = self.rows + rows, self.taken + 1
        # The mean of about the last fifty steps.
        self.loss = loss if self.taken == 1 else self.loss + (loss - self.loss) / 50
        now = time.monotonic()
        if now - self.told_at >= SECONDS or step == self.steps:
            self.told_at = now
            self._write(step, now - self.begun)

    def _write(self, step: int, seconds: float) -> None:
        told = {
            "step": step,
            "steps": self.steps,
            "loss": round(self.loss, 5),
            "rows_s": round(self.rows / max(seconds, 1e-9)),
            "seconds_left": round((self.steps - step) * seconds / self.taken),
        }
        self.folder.write(NAME, json.dumps(told).encode())


@dataclass
class Life:
    """Signs of life of a rank that takes no step, such as while it judges; at most one a second."""

    folder: Folder
    told_at: float = 0.0
    signs: int = 0

    def sign(self) -> None:
        """Leaves one."""
        now = time.monotonic()
        if now - self.told_at >= SECONDS:
            self.told_at, self.signs = now, self.signs + 1
            self.folder.write(ALIVE, json.dumps({"signs": self.signs}).encode())


def read(folder: Folder) -> dict[str, Any]:
    """What was told last; empty where nothing was, or it cannot be read just now."""
    return _read(folder, NAME)


def alive(folder: Folder) -> dict[str, Any]:
    """The last sign of life; empty likewise."""
    return _read(folder, ALIVE)


def _read(folder: Folder, name: str) -> dict[str, Any]:
    try:
        told = json.loads(folder.read(name))
    except (FileNotFoundError, RetryLaterError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def sign_in(folder: Folder, rank: int) -> None:
    """Leaves the rank's process id, for whom has to find it."""
    folder.write(f"rank-{rank}.json", json.dumps({"pid": os.getpid()}).encode())
