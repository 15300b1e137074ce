"""One writer at a time for a (table, ds), which a dead owner does not hold for ever.

On a local file system the lock is the kernel's (flock): it ends with the process, however that
ends. Elsewhere it is a lease: a file created only if absent (atomic on HDFS), whose owner renews
it; a lease not renewed for `stale_seconds` is moved away by an atomic rename and taken over.
"""

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from nightshelf.errors import RetryLaterError
from nightshelf.tables.files import Files

POLL_SECONDS = 0.2
_ENDING = ".lock"


class LockHeldError(RetryLaterError):
    """Another run owns the lock."""


@contextmanager
def lock(
    files: Files,
    folder: str,
    name: str,
    *,
    run_id: str,
    stale_seconds: int,
    wait_seconds: float = 0,
) -> Iterator[None]:
    """Holds the lock `name` (such as `gold.recommendations/2026-11-24`) below `folder`.

    Raises LockHeldError where another run still holds it after `wait_seconds`.
    """
    path = f"{folder}/{name}{_ENDING}"
    owner = {"run_id": run_id, "host": socket.gethostname(), "pid": os.getpid()}
    held = _lock(files, path, owner, stale_seconds)
    deadline = time.monotonic() + wait_seconds
    while not held.acquire():
        if time.monotonic() >= deadline:
            raise LockHeldError(
                f"{name}: the lock is held by {_told(held.owner())}; let it end or stop it, then "
                f"run again [{path}]"
            )
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        held.release()


@dataclass(frozen=True)
class Held:
    """A lock that a run holds: its name, the run's id where it is known, and who that is."""

    name: str
    run_id: str | None
    by: str


def holder(files: Files, folder: str, name: str, *, stale_seconds: int) -> Held | None:
    """The lock `name` below the folder, if a run holds it at this moment."""
    held = _lock(files, f"{folder}/{name}{_ENDING}", {}, stale_seconds)
    if not held.is_held():
        return None
    owner = held.owner()
    return Held(name, owner.get("run_id"), _told(owner))


def holders(files: Files, folder: str, *, stale_seconds: int) -> Iterator[Held]:
    """Every lock below the folder that a run holds at this moment."""
    local = files.local_path(folder)
    paths = (
        (path.relative_to(local).as_posix() for path in Path(local).rglob(f"*{_ENDING}"))
        if local
        else (file.path.removeprefix(f"{folder}/") for file in files.below(folder))
    )
    for path in sorted(path for path in paths if path.endswith(_ENDING)):
        name = path.removesuffix(_ENDING)
        if (held := holder(files, folder, name, stale_seconds=stale_seconds)) is not None:
            yield held


def _lock(files: Files, path: str, owner: dict[str, Any], stale_seconds: int) -> "_Flock | _Lease":
    local = files.local_path(path)
    return _Flock(Path(local), owner) if local else _Lease(files, path, owner, stale_seconds)


def _told(owner: dict[str, Any]) -> str:
    if {"run_id", "pid", "host"} <= owner.keys():
        return f"run {owner['run_id']} (process {owner['pid']} on {owner['host']})"
    return "another run"


class _Flock:
    """A kernel lock on a file that stays: deleting it would let two processes lock two files."""

    def __init__(self, path: Path, owner: dict[str, Any]) -> None:
        self._path = path
        self._owner = owner
        self._descriptor = -1

    def acquire(self) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(self._owner).encode())
        self._descriptor = descriptor
        return True

    def is_held(self) -> bool:
        """By whomever. Two that ask at once do not disturb each other."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def owner(self) -> dict[str, Any]:
        try:
            told = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def release(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


class _Lease:
    """A file created only if absent, renewed by a thread of its owner."""

    def __init__(
        self, files: Files, path: str, owner: dict[str, Any], stale_seconds: float
    ) -> None:
        self._files = files
        self._path = path
        self._owner = owner
        self._stale_seconds = stale_seconds
        self._released = threading.Event()
        self._renewer = threading.Thread(target=self._renew, daemon=True)

    def acquire(self) -> bool:
        if not self._create():
            dead = self.owner()
            if self._age() <= self._stale_seconds:
                return False
            grave = f"{self._path}.dead-{self._owner['run_id']}"
            if not self._files.rename(self._path, grave):
                return False
            if self._files.read_json(grave) != dead:  # another took it over meanwhile
                self._files.rename(grave, self._path)
                return False
            self._files.delete(grave)
            if not self._create():
                return False
        self._renewer.start()
        return True

    def is_held(self) -> bool:
        """By whomever: it is there, and was renewed in time."""
        return self._files.exists(self._path) and self._age() <= self._stale_seconds

    def owner(self) -> dict[str, Any]:
        return self._files.read_json(self._path)

    def release(self) -> None:
        self._released.set()
        self._renewer.join()
        if self._is_ours():
            self._files.delete(self._path)

    def _is_ours(self) -> bool:
        """A file that names nobody is: a renewal of ours broke off once it had emptied it."""
        return self.owner() in ({}, self._owner)

    def _create(self) -> bool:
        return self._files.write_json(self._path, self._owner, exclusive=True)

    def _age(self) -> float:
        """Seconds since it was renewed; 0 where it is gone."""
        modified = self._files.modified(self._path)
        return time.time() - modified if modified is not None else 0.0

    def _renew(self) -> None:
        while not self._released.wait(self._stale_seconds / 4):
            # What fails of the storage may go well at the next turn, before the lock is stale.
            with suppress(Exception):
                if not self._is_ours():
                    _tell_lost(self._path, self._owner, self.owner())
                    return
                # Where it is gone, whoever took it over may be creating it anew just now.
                is_there = self._files.exists(self._path)
                self._files.write_json(self._path, self._owner, exclusive=not is_there)


def _tell_lost(path: str, owner: dict[str, Any], taker: dict[str, Any]) -> None:
    structlog.get_logger().warning(
        "a lock was lost: it could not be renewed in time, and another run took it over",
        lock=path,
        run=owner["run_id"],
        taken_by=taker.get("run_id"),
    )
