"""What a night makes of a step that fails."""

from contextlib import AbstractContextManager, nullcontext
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from nightshelf.errors import RetryLaterError
from nightshelf.jobs import evaluate, nightly


@pytest.mark.parametrize("is_alone", [False, True])
def test_a_step_that_is_all_of_a_run_ends_it(
    monkeypatch: pytest.MonkeyPatch, is_alone: bool
) -> None:
    """A schedule runs steps by themselves, and has to see that one failed."""

    def fails(*_: object) -> None:
        raise RetryLaterError("storage did not answer; run again")

    monkeypatch.setattr(nightly, "execute", fails)
    monkeypatch.setattr(nightly, "Run", lambda *_: None)
    warned: list[str] = []
    log = SimpleNamespace(warning=lambda line, **_: warned.append(line))
    monkeypatch.setattr(nightly, "logger", lambda: log)
    config = SimpleNamespace(evaluate=SimpleNamespace(horizon_days=1))
    night: Any = SimpleNamespace(
        spark=None, config=config, ds=date(2026, 3, 1), run_id="r", dry_run=False
    )
    ends: AbstractContextManager[Any] = pytest.raises(RetryLaterError)
    with ends if is_alone else nullcontext():
        assert not nightly._step(evaluate.JOB, night, is_alone=is_alone)
    assert warned == ([] if is_alone else ["the night goes on without this step"])
