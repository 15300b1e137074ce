"""What the driver of a training sees of it."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nightshelf.errors import ConfigError, RetryLaterError
from nightshelf.learning import launch, progress
from nightshelf.learning.launch import Launch
from nightshelf.learning.storage import Folder


@pytest.mark.parametrize("error", [FileNotFoundError(), RetryLaterError("reset"), ValueError()])
def test_what_cannot_be_read_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(Folder, "read", broken)
    assert progress.read(Folder(str(tmp_path))) == {}
    assert progress.alive(Folder(str(tmp_path))) == {}


def test_a_training_is_watched_on_where_one_look_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = [{"step": 1}, {}, {"step": 1}, {"step": 2}]
    read, told = iter(looks), []
    monkeypatch.setattr(progress, "read", lambda _: next(read))
    monkeypatch.setattr(progress, "alive", lambda _: {})
    monkeypatch.setattr(launch, "TELL_SECONDS", 0)
    ends = iter([False] * len(looks) + [True])
    ended = cast(threading.Event, SimpleNamespace(wait=lambda _: next(ends)))
    nobody: Any = None
    watched = Launch(nobody, nobody, 1, 0, 60, told.append, nobody)
    watched._watch(Folder(str(tmp_path)), ended, threading.Event())
    assert told == [{"step": 1}, {"step": 2}]


def test_a_training_that_storage_broke_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: Any = iter([RetryLaterError("s3a://shop: storage failed"), {"auc": 0.7}, ConfigError()])

    def attempt(_: Launch) -> dict[str, float]:
        end = next(ends)
        if isinstance(end, Exception):
            raise end
        return dict(end)

    monkeypatch.setattr(Launch, "_attempt", attempt)
    nobody: Any = None
    warned: list[str] = []
    launched = Launch(nobody, nobody, 1, 1, 60, nobody, warned.append)
    assert launched.run() == {"auc": 0.7}
    assert "s3a://shop: storage failed" in warned[0]
    with pytest.raises(ConfigError):
        launched.run()
