"""How a run's record tells its end."""

from contextlib import suppress
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nightshelf.config import Config
from nightshelf.runs import Run, Skipped, record
from nightshelf.runs.record import Outcome, recorded


@pytest.mark.parametrize(
    ("raised", "dry_run", "status", "code"),
    [
        (None, False, "done", 0),
        (Skipped("nothing to do"), False, "skipped", 0),
        (KeyboardInterrupt(), False, "failed", 70),  # Ctrl-C is no success
        (ZeroDivisionError("oops"), False, "failed", 70),
        (None, True, "dry-run", 0),
        (ZeroDivisionError("oops"), True, "dry-run", 70),  # of what is published nothing failed
    ],
)
def test_an_end_is_told_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException | None,
    dry_run: bool,
    status: str,
    code: int,
) -> None:
    written: list[Outcome] = []
    monkeypatch.setattr(record, "_write_row", lambda _, outcome: written.append(outcome))
    run = cast(Run, SimpleNamespace(dry_run=dry_run, job="ingest"))
    with suppress(BaseException), recorded(run):
        if raised:
            raise raised
    assert [(told.status, told.exit_code) for told in written] == [(status, code)]


@pytest.mark.parametrize("breaks", ["read_bytes", "append_row"])
def test_a_row_and_its_configuration_are_written_each_by_itself(breaks: str) -> None:
    """As where two tasks write the same configuration at once."""
    written: list[str] = []

    def write(name: str, result: object = None) -> Any:
        def told(*_: object) -> object:
            if name == breaks:
                raise OSError("another writes it")
            written.append(name)
            return result

        return told

    files = SimpleNamespace(read_bytes=write("read_bytes"), write_bytes=write("write_bytes"))
    store = SimpleNamespace(
        files=files, root="", versions={}, manifest={"code_version": "1"},
        append_row=write("append_row"),
    )  # fmt: skip
    told = {"job": "ingest", "ds": date(2026, 11, 24), "run_id": "1", "dry_run": False}
    run = SimpleNamespace(**told, rows_in=0, rows_out=0, config=Config(), store=store)
    with recorded(cast(Run, run)):
        pass
    assert written == (["append_row"] if breaks == "read_bytes" else ["read_bytes", "write_bytes"])
