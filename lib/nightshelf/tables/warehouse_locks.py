"""Who is at work in a warehouse: runs lock what they work on, or have all of it to themselves."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from nightshelf.config import WarehouseConfig
from nightshelf.tables.contract import Table
from nightshelf.tables.files import Files
from nightshelf.tables.locks import Held, LockHeldError, holder, holders, lock

_WHOLE: Final = "warehouse"  # the lock that stands for everything
_COMMIT: Final = "/commit"
_BRIEFLY: Final = 0.5  # seconds: who looks whether a lock is held keeps others off for a moment


@dataclass(frozen=True)
class WarehouseLocks:
    """The locks in a warehouse's folder of locks, as one run takes and sees them."""

    files: Files
    folder: str
    run_id: str
    config: WarehouseConfig

    def hold(self, name: str, wait_seconds: float = 0) -> AbstractContextManager[None]:
        """Holds the lock of this name; see `locks.lock`."""
        return lock(
            self.files,
            self.folder,
            name,
            run_id=self.run_id,
            stale_seconds=self.config.lock_stale_seconds,
            wait_seconds=wait_seconds,
        )

    def hold_in_turn(self, name: str) -> AbstractContextManager[None]:
        """Holds a lock that others hold briefly: waits for it as long as for a commit."""
        return self.hold(name, self.config.commit_wait_seconds)

    def committing(self, table: Table) -> AbstractContextManager[None]:
        """Holds the lock under which commits to the table are made, one after the other."""
        return self.hold_in_turn(f"{table.name}{_COMMIT}")

    @contextmanager
    def at_work(self, *names: str) -> Iterator[None]:
        """Holds the locks while a job works on what they stand for.

        Raises LockHeldError where another run holds one of them, or the whole warehouse.
        """
        with ExitStack() as held:
            for name in names:
                held.enter_context(self.hold(name, _BRIEFLY))
            # Only now: `alone` does both the other way round, so that one of two sees the other.
            stale = self.config.lock_stale_seconds
            whole = holder(self.files, self.folder, _WHOLE, stale_seconds=stale)
            if whole is not None and whole.run_id != self.run_id:
                raise LockHeldError(
                    f"{whole.by} has the warehouse to itself; run again when it is done"
                )
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Has the whole warehouse to itself: no job is at work, and none that starts goes on.

        Raises LockHeldError where one is.
        """
        with self.hold(_WHOLE, _BRIEFLY):
            others = self.others_at_work()
            if others:
                who = ", ".join(sorted({held.by for held in others}))
                names = ", ".join(held.name for held in others)
                raise LockHeldError(
                    f"the warehouse is in use by {who}: run again when it is done [{names}]"
                )
            yield

    def others_at_work(self) -> list[Held]:
        """The locks that other runs hold, but for those held only while something is committed."""
        stale = self.config.lock_stale_seconds
        return [
            held
            for held in holders(self.files, self.folder, stale_seconds=stale)
            if held.run_id != self.run_id and not held.name.endswith(_COMMIT)
        ]
