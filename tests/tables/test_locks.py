"""One writer at a time, and no dead one for ever."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from structlog.testing import capture_logs

from nightshelf.config import WarehouseConfig
from nightshelf.tables import Store
from nightshelf.tables.locks import LockHeldError, _Lease, lock

NAME = "gold.recommendations/2026-11-24"
HOLDER = """
import fcntl, os, pathlib, sys, time
path = pathlib.Path(sys.argv[1]); path.parent.mkdir(parents=True, exist_ok=True)
fd = os.open(path, os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
os.write(fd, b'{"run_id": "r9", "pid": 7, "host": "h"}')
print("held", flush=True); time.sleep(60)
"""


def test_the_second_is_told_who_holds_it(store: Store) -> None:
    other = Store(store.spark, store.config, "run-2")
    told = r"held by run run-1 \(process"
    with (
        store.locks.hold(NAME),
        pytest.raises(LockHeldError, match=told) as caught,
        other.locks.hold(NAME),
    ):
        pass
    assert caught.value.exit_code == 75
    with other.locks.hold(NAME):
        pass


def test_a_killed_process_holds_nothing(store: Store) -> None:
    path = Path(store.root.removeprefix("file:")) / "_locks" / f"{NAME}.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockHeldError, match="run r9"), store.locks.hold(NAME):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with store.locks.hold(NAME, wait_seconds=5):
        pass


def lease(store: Store, run_id: str, stale_seconds: float = 60) -> _Lease:
    path = f"{store.root}/_locks/lease.lock"
    return _Lease(store.files, path, {"run_id": run_id, "host": "h", "pid": 1}, stale_seconds)


def test_a_lease_is_held_until_released(store: Store) -> None:
    first, second = lease(store, "run-1"), lease(store, "run-2")
    assert first.acquire()
    assert not second.acquire()
    assert second.owner()["run_id"] == "run-1"
    first.release()
    assert second.acquire()
    second.release()


@pytest.mark.parametrize("folder", ["warehouse", "a [shop] {x}*"])
def test_a_lease_not_renewed_is_taken_over(
    spark: SparkSession, tmp_path: Path, folder: str
) -> None:
    store = Store(spark, WarehouseConfig(root=str(tmp_path / folder)), "run-1")
    path = Path(store.root.removeprefix("file:")) / "_locks" / "lease.lock"
    path.parent.mkdir(parents=True)
    path.write_text('{"run_id": "dead", "host": "h", "pid": 1}')
    assert not lease(store, "run-2").acquire()
    old = time.time() - 120
    os.utime(path, (old, old))
    taken = lease(store, "run-2")
    assert taken.acquire()
    assert taken.owner()["run_id"] == "run-2"
    taken.release()
    assert not path.exists()


def test_of_two_that_find_a_stale_lease_one_takes_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(store.root.removeprefix("file:")) / "_locks" / "lease.lock"
    path.parent.mkdir(parents=True)
    path.write_text('{"run_id": "dead", "host": "h", "pid": 1}')
    old = time.time() - 120
    os.utime(path, (old, old))
    first, second = lease(store, "run-1"), lease(store, "run-2")

    def overtaken() -> float:
        assert first.acquire()
        return 120.0

    monkeypatch.setattr(second, "_age", overtaken)
    assert not second.acquire()
    assert second.owner()["run_id"] == "run-1"
    assert [entry.name for entry in path.parent.iterdir() if "dead" in entry.name] == []
    first.release()


def test_a_renewal_that_fails_is_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    held = lease(store, "run-1", stale_seconds=0.8)
    assert held.acquire()
    write, failed = held._files.write_json, []

    def once(*told: Any, **more: Any) -> bool:
        if not failed:
            failed.append(True)
            raise OSError("storage did not answer")
        return write(*told, **more)

    monkeypatch.setattr(held._files, "write_json", once)
    time.sleep(1.5)
    assert failed
    assert held._age() < 0.8
    held.release()


def test_a_renewal_that_breaks_off_loses_no_lease(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(store.root.removeprefix("file:")) / "_locks" / "lease.lock"
    held = lease(store, "run-1", stale_seconds=0.8)
    assert held.acquire()
    write, failed = held._files.write_json, []

    def emptied_once(*told: Any, **more: Any) -> bool:
        if not failed:
            failed.append(True)
            held._files.write_bytes(f"{store.root}/_locks/lease.lock", b"")
            raise OSError("no room left")
        return write(*told, **more)

    monkeypatch.setattr(held._files, "write_json", emptied_once)
    deadline = time.monotonic() + 30
    while not (failed and held.owner()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not lease(store, "run-2", stale_seconds=0.8).acquire()
    held._released.set()
    held._renewer.join()
    path.write_text("")
    held.release()
    assert not path.exists()


def test_a_lease_that_another_took_over_is_told_and_left(store: Store) -> None:
    path = Path(store.root.removeprefix("file:")) / "_locks" / "lease.lock"
    held = lease(store, "run-1", stale_seconds=0.4)
    assert held.acquire()
    taken = {"run_id": "run-2", "host": "h", "pid": 2}
    with capture_logs() as told:
        held._files.write_json(f"{store.root}/_locks/lease.lock", taken)
        held._renewer.join(timeout=30)
    held.release()
    assert path.exists()
    assert held.owner() == taken
    assert [line["taken_by"] for line in told] == ["run-2"]


def test_an_owner_renews_its_lease(store: Store) -> None:
    held = lease(store, "run-1", stale_seconds=0.8)
    assert held.acquire()
    time.sleep(1.5)
    assert not lease(store, "run-2", stale_seconds=0.8).acquire()
    held.release()


def test_waiting_ends_with_the_holder(store: Store) -> None:
    began = time.monotonic()
    other = Store(store.spark, store.config, "run-2")
    with (
        store.locks.hold(NAME),
        pytest.raises(LockHeldError),
        other.locks.hold(NAME, wait_seconds=0.5),
    ):
        pass
    assert time.monotonic() - began >= 0.5


def test_who_has_the_warehouse_alone_meets_nobody_at_work(store: Store) -> None:
    other = Store(store.spark, store.config, "run-2")
    with other.locks.at_work(NAME), pytest.raises(LockHeldError) as caught, store.locks.alone():
        pass
    assert caught.value.exit_code == 75
    assert str(caught.value).startswith("the warehouse is in use by run run-2 (process ")
    with store.locks.at_work("ops.erased_users/2026-11-24"), store.locks.alone():
        with store.locks.hold("gold.recommendations/commit"):  # its own
            pass
        told = r"run run-1 .* has the warehouse to itself"
        for names in ((NAME,), ()):
            with pytest.raises(LockHeldError, match=told), other.locks.at_work(*names):
                pass
    with other.locks.at_work(NAME):
        pass


def test_a_commit_of_a_moment_is_no_work(store: Store) -> None:
    other = Store(store.spark, store.config, "run-2")
    with other.locks.hold("ops.job_runs/commit"), store.locks.alone():
        assert store.locks.others_at_work() == []


def test_a_lease_that_is_renewed_is_held(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.files, "local_path", lambda _: None)
    other = Store(store.spark, store.config, "run-2")
    other.locks = replace(other.locks, files=store.files)
    with other.locks.at_work(NAME):
        [held] = store.locks.others_at_work()
        assert (held.name, held.run_id) == (NAME, "run-2")
        assert other.locks.others_at_work() == []
        path = Path(store.root.removeprefix("file:")) / "_locks" / f"{NAME}.lock"
        old = time.time() - store.config.lock_stale_seconds - 60
        os.utime(path, (old, old))
        assert store.locks.others_at_work() == []
    assert store.locks.others_at_work() == []


def test_locks_of_other_days_do_not_meet(store: Store) -> None:
    with store.locks.hold(NAME), lock(
        store.files, f"{store.root}/_locks", "gold.recommendations/2026-11-25",
        run_id="run-2", stale_seconds=60,
    ):  # fmt: skip
        assert (Path(store.root.removeprefix("file:")) / "_locks").is_dir()
