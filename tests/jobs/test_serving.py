"""Which days reach readers, before and after a rollback; by commits that are only told."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from nightshelf.jobs import rollback
from nightshelf.jobs.serving import serve
from nightshelf.tables import SERVING_RECOMMENDATIONS as LISTS
from nightshelf.tables import Table

YESTERDAY = date(2026, 11, 24)


def day(text: str) -> date:
    return date.fromisoformat(text)


@dataclass
class Readers:
    """What readers have, as a night and a rollback of a day see and change it."""

    told: dict[str, Any] = field(default_factory=dict)

    def night(self, ds: str) -> str:
        """The day that readers have after the night of ds."""
        serve(self._run(day(ds)), LISTS)
        return str(self.told["ds"])

    def rollback(self, ds: str) -> None:
        """Gives them the lists of ds again."""
        rollback.republish(self._run(day(ds)), {LISTS: LISTS})

    def _run(self, ds: date) -> Any:
        def publish(
            _: object, table: Table, on: date = ds, about: Mapping[str, Any] | None = None
        ) -> None:
            self.told = {"table": table.name, "ds": on.isoformat(), **(about or {})}

        store = SimpleNamespace(
            locks=SimpleNamespace(hold_in_turn=lambda _: nullcontext()),
            last_manifest=lambda _: self.told,
            versions={},
            publish=publish,
            version=lambda _: 1,
            has=lambda *_: True,
            digest=lambda _, on=None: on,
        )
        return SimpleNamespace(
            ds=ds, dry_run=False, store=store, publish=publish, read=lambda *_, **__: None
        )


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> Readers:
    """They have the lists of yesterday."""
    monkeypatch.setattr(rollback, "last_day_over", lambda: YESTERDAY)
    found = Readers()
    assert found.night("2026-11-24") == "2026-11-24"
    return found


def test_days_go_forward(readers: Readers) -> None:
    assert readers.night("2026-11-23") == "2026-11-24"
    assert readers.night("2026-11-25") == "2026-11-25"


@pytest.mark.parametrize("night", ["2026-11-24", "2026-11-25"])
def test_a_rollback_stays_until_the_bad_night_or_a_later_one(readers: Readers, night: str) -> None:
    readers.rollback("2026-11-19")
    assert readers.night("2026-11-21") == "2026-11-19"
    readers.rollback("2026-11-18")
    assert readers.night("2026-11-23") == "2026-11-18"
    assert readers.night(night) == night
    assert readers.night("2026-11-23") == night


def test_a_day_to_come_that_was_rolled_back_keeps_no_night_from_readers(readers: Readers) -> None:
    assert readers.night("2027-11-24") == "2027-11-24"
    assert readers.night("2026-11-25") == "2027-11-24"
    readers.rollback("2026-11-23")
    assert readers.night("2026-11-22") == "2026-11-23"
    assert readers.night("2026-11-24") == "2026-11-24"
