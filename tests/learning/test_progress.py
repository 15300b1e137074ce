"""What the driver of a training sees of it."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nightshelf.learning import launch, progress
from nightshelf.learning.launch import Launch
from nightshelf.learning.storage import Folder


@pytest.mark.parametrize("error", [FileNotFoundError(), OSError("reset"), RuntimeError("RPC")])
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
