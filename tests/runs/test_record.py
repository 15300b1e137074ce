"""How a run's record tells its end."""

from contextlib import suppress
from types import SimpleNamespace
from typing import cast

import pytest

from nightshelf.runs import Run, Skipped, record
from nightshelf.runs.record import Outcome, recorded


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (None, "done", 0),
        (Skipped("nothing to do"), "skipped", 0),
        (KeyboardInterrupt(), "failed", 70),  # Ctrl-C is no success
        (ZeroDivisionError("oops"), "failed", 70),
    ],
)
def test_an_end_is_told_as_it_was(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException | None, status: str, code: int
) -> None:
    written: list[Outcome] = []
    monkeypatch.setattr(record, "_write_row", lambda _, outcome: written.append(outcome))
    run = cast(Run, SimpleNamespace(dry_run=False, job="ingest"))
    with suppress(BaseException), recorded(run):
        if raised:
            raise raised
    assert [(told.status, told.exit_code) for told in written] == [(status, code)]
