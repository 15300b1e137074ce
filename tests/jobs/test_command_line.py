"""Arguments, exit codes, status files, and what a run leaves behind."""

import json
from pathlib import Path

import pytest

from nightshelf.tables import OPS_JOB_RUNS, QUARANTINE_EVENTS, SILVER_EVENTS
from tests.jobs.conftest import Invoke, Shop

DS = ("--ds", "2026-11-24")


@pytest.mark.parametrize("ds", ["../../x", "2026-02-30", "20261124", "2026-11-24 ", "today", ""])
def test_only_a_real_date_is_a_business_date(invoke: Invoke, shop: Shop, ds: str) -> None:
    ended = invoke("ingest", "--conf-file", shop.conf, "--ds", ds)
    assert ended.code == 64
    assert ended.error == (f"--ds {ds!r}: expected a real date as YYYY-MM-DD, such as 2026-11-24")
    assert not (shop.folder / "warehouse").exists()


def test_wrong_arguments(invoke: Invoke, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("ingest", "--conf-file", shop.conf).code == 64
    assert invoke("ingest", "--what").code == 64
    assert invoke("nightly", "--from", "dinner").code == 64
    backwards = invoke(
        "nightly", "--conf-file", shop.conf, *DS, "--from", "recommend", "--to", "ingest"
    )
    assert backwards.code == 64
    assert "steps run in the order" in backwards.error
    assert invoke("ingest", "--conf-file", "absent.yaml", *DS).code == 66
    assert invoke(
        "ingest", "--conf-file", shop.conf, *DS, "--set", "ingest.windw_days=3"
    ).error.endswith("ingest.windw_days: unknown key; nearest known key: ingest.window_days")


def test_print_config_shows_the_resolved_one(invoke: Invoke, shop: Shop) -> None:
    ended = invoke("ingest", "--conf-file", shop.conf, "--set", "item_cf.k=77", "--print-config")
    assert ended.code == 0
    assert "k: 77" in ended.out
    assert not (shop.folder / "warehouse").exists()


@pytest.mark.parametrize("job", ["status", "models", "ingest"])
def test_storage_that_does_not_answer_is_no_bug(
    invoke: Invoke, shop: Shop, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    """Nor where no run is recorded: of a job that only shows, or before it starts."""

    def silent(*_: object) -> None:
        raise RuntimeError("java.net.ConnectException: Call to nn:8020 failed")

    # Those that show first: what imports them later would find a cli that is broken.
    for module in ("jobs.status", "jobs.models", "runs.cli"):
        monkeypatch.setattr(f"nightshelf.{module}.start", silent)
    ended = invoke(job, "--conf-file", shop.conf, *DS)
    assert ended.code == 75
    assert ended.error.startswith("storage did not answer; run again")


def test_the_record_of_a_run(invoke: Invoke, shop: Shop) -> None:
    status = shop.folder / "status" / "ingest.json"
    ended = invoke("ingest", "--conf-file", shop.conf, *DS, "--status-file", str(status))
    assert ended.code == 0
    told = json.loads(status.read_text())
    assert (told["job"], told["ds"], told["status"], told["exit_code"]) == (
        "ingest", "2026-11-24", "done", 0,
    )  # fmt: skip
    built = invoke("build_item_cf", "--conf-file", shop.conf, *DS)
    assert built.code == 0
    runs = {r["job"]: r for r in shop.store.read(OPS_JOB_RUNS).collect()}
    assert runs["ingest"]["run_id"] == told["run_id"]
    assert (runs["ingest"]["status"], runs["ingest"]["rows_in"]) == ("done", 30)
    assert json.loads(runs["build_item_cf"]["input_versions"]) == {"silver.events": 0}
    manifest = shop.store.last_manifest(SILVER_EVENTS)
    assert manifest["run_id"] == told["run_id"]
    assert manifest["config_hash"] == runs["ingest"]["config_hash"]
    steps = [line for line in built.lines if line["event"] == "step"]
    assert [(s["job"], s["ds"], s["status"]) for s in steps] == [
        ("build_item_cf", "2026-11-24", "done")
    ]


def test_a_failed_run_is_recorded_too(invoke: Invoke, shop: Shop) -> None:
    status = shop.folder / "status.json"
    ended = invoke("build_item_cf", "--conf-file", shop.conf, *DS, "--status-file", str(status))
    assert ended.code == 66
    assert ended.error.startswith("silver.events: no such table yet at file:")
    run = shop.store.read(OPS_JOB_RUNS).collect()[0]
    assert (run["status"], run["exit_code"], run["message"]) == ("failed", 66, ended.error)
    assert json.loads(status.read_text())["exit_code"] == 66


def test_a_dry_run_publishes_nothing(invoke: Invoke, shop: Shop) -> None:
    assert invoke("ingest", "--conf-file", shop.conf, *DS, "--dry-run").code == 0
    assert shop.store.version(SILVER_EVENTS) is None
    assert shop.store.version(QUARANTINE_EVENTS) is None


def test_a_bug_ends_with_70_and_its_trace(
    invoke: Invoke, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("nightshelf.jobs.ingest.check_schemas", broken)
    ended = invoke("ingest", "--conf-file", shop.conf, *DS)
    assert ended.code == 70
    assert ended.error == "ZeroDivisionError: oops"


def test_a_held_lock_ends_with_75(invoke: Invoke, shop: Shop) -> None:
    with shop.store.locks.hold("silver.events/2026-11-24"):
        ended = invoke("ingest", "--conf-file", shop.conf, *DS)
    assert ended.code == 75
    assert ended.error.startswith("silver.events/2026-11-24: the lock is held by run reader")


def test_a_status_file_is_written_whole_or_not_at_all(
    invoke: Invoke, shop: Shop, tmp_path: Path
) -> None:
    status = tmp_path / "status.json"
    invoke("ingest", "--conf-file", shop.conf, "--ds", "nonsense", "--status-file", str(status))
    assert json.loads(status.read_text())["status"] == "failed"
    assert [p.name for p in tmp_path.iterdir() if "status" in p.name] == ["status.json"]
