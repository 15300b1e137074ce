"""What readers had on an earlier day, or an earlier model, again; and the listing of models."""

from datetime import date, datetime
from pathlib import Path

import pytest
from pyspark.sql import Row

from nightshelf.jobs import rollback as rollback_job
from nightshelf.literals import frame_of
from nightshelf.ranking.registry import in_use
from nightshelf.tables import (
    GOLD_RECOMMENDATIONS,
    OPS_JOB_RUNS,
    OPS_MODELS,
    SERVING_RECOMMENDATIONS,
)
from tests.jobs.conftest import PLAIN, Invoke, Shop

FIRST, SECOND, OTHER = "dcn_v2-2026-11-22-aa", "dcn_v2-2026-11-24-bb", "dcn_v2-2026-11-23-cc"


def row(model: str, day: int, status: str, folder: str, auc: float) -> tuple[object, ...]:
    return (
        model, f"run of {model}", date(2026, 11, day), "dcn_v2", status, "because",
        datetime(2026, 11, day, 23), folder, {"test.auc": auc, "test.ece": 0.004}, "[[0,0],[1,1]]",
        '{"silver.events": 3}', "c0ffee", "0.1",
    )  # fmt: skip


@pytest.fixture
def models(shop: Shop) -> Shop:
    """Models of the 22nd and the 24th, promoted, and a refused one of the 23rd in between."""
    for model in (FIRST, SECOND):
        folder = shop.folder / "warehouse" / "models" / model
        folder.mkdir(parents=True)
        for name in ("model.safetensors", "model.json"):
            (folder / name).write_text("{}")
    rows = [
        row(FIRST, 22, "promoted", f"models/{FIRST}", 0.71),
        row(OTHER, 23, "refused", str(shop.folder / "warehouse" / "gone"), 0.6),
        row(SECOND, 24, "promoted", str(shop.folder / "warehouse" / "models" / SECOND), 0.7234),
    ]
    shop.store.append(frame_of(shop.spark, rows, OPS_MODELS.schema), OPS_MODELS)
    return shop


def rollback(invoke: Invoke, shop: Shop, day: int, *arguments: str) -> object:
    return invoke("rollback", "--conf-file", shop.conf, "--ds", f"2026-11-{day}", *arguments)


def decision(shop: Shop, day: int) -> Row:
    found = in_use(shop.store.read(OPS_MODELS), date(2026, 11, day), "ranker")
    assert found is not None
    return found


def test_an_earlier_model_is_in_use_again(invoke: Invoke, models: Shop) -> None:
    first = decision(models, 22)
    ended = rollback(invoke, models, 24, "--model", FIRST)
    assert ended.code == 0
    told = next(line for line in ended.lines if line["event"].startswith("in use"))
    assert (told["event"], told["model"], told["instead_of"]) == (
        "in use from 2026-11-24 on", FIRST, SECOND,
    )  # fmt: skip
    assert models.store.read(OPS_MODELS).count() == 4
    now = decision(models, 24)
    kept = ("model_id", "kind", "path", "metrics", "roc", "input_versions", "config_hash")
    assert [now[name] for name in kept] == [first[name] for name in kept]
    assert (now["status"], now["ds"]) == ("restored", date(2026, 11, 24))
    assert now["why"] == f"restored by hand in place of {SECOND}; it had been promoted"
    assert decision(models, 23) == first
    run = models.store.read(OPS_JOB_RUNS).where("job = 'rollback'").collect()[0]
    assert (run["run_id"], run["status"], run["rows_out"]) == (now["run_id"], "done", 1)

    again = rollback(invoke, models, 24, "--model", FIRST)
    assert again.code == 0
    assert f"{FIRST} is in use on 2026-11-24 already" in str(again.lines)
    assert models.store.read(OPS_MODELS).count() == 4
    assert rollback(invoke, models, 25, "--model", SECOND).code == 0
    assert [decision(models, day)["model_id"] for day in (24, 25)] == [FIRST, SECOND]


def test_a_text_model_is_in_use_again(invoke: Invoke, models: Shop) -> None:
    folder = models.folder / "warehouse" / "models" / "judge"
    folder.mkdir()
    for name in ("model.safetensors", "config.json"):
        (folder / name).write_text("{}")
    told = list(row("text_cross-2026-11-23-dd", 23, "refused", "models/judge", 0.6))
    told[3] = "text_cross"
    rows = frame_of(models.spark, [tuple(told)], OPS_MODELS.schema)
    models.store.append(rows, OPS_MODELS)
    assert rollback(invoke, models, 24, "--model", "text_cross-2026-11-23-dd").code == 0
    store = models.store.read(OPS_MODELS)
    found = in_use(store, date(2026, 11, 24), "text_cross")
    assert found is not None
    assert found["status"] == "restored"
    assert decision(models, 24)["model_id"] == SECOND


def test_a_day_before_a_later_decision_warns_of_it(invoke: Invoke, models: Shop) -> None:
    folder = models.folder / "warehouse" / "gone"
    folder.mkdir()
    for name in ("model.safetensors", "model.json"):
        (folder / name).write_text("{}")
    ended = rollback(invoke, models, 23, "--model", OTHER)
    assert ended.code == 0
    warned = next(line for line in ended.lines if line["level"] == "warning")
    assert warned["event"].startswith("from 2026-11-24 on a later decision stands")
    assert warned["model"] == SECOND
    assert [decision(models, day)["model_id"] for day in (22, 23, 24)] == [FIRST, OTHER, SECOND]
    assert decision(models, 23)["why"].endswith("it had been refused")


def test_a_dry_run_restores_nothing(invoke: Invoke, models: Shop) -> None:
    ended = rollback(invoke, models, 24, "--model", FIRST, "--dry-run")
    assert ended.code == 0
    assert any(line["event"] == "would be in use from 2026-11-24 on" for line in ended.lines)
    assert decision(models, 24)["model_id"] == SECOND


def test_what_cannot_be_restored(invoke: Invoke, models: Shop) -> None:
    unknown = rollback(invoke, models, 24, "--model", "dcn_v2-2026-11-24-b")
    assert unknown.code == 64
    assert unknown.error == (
        "--model dcn_v2-2026-11-24-b: no such model in ops.models; nearest known: "
        f"{SECOND}, {OTHER}, {FIRST} (jobs/models.py lists all)"
    )
    ahead = rollback(invoke, models, 23, "--model", SECOND)
    assert ahead.code == 64
    assert "it learnt from days up to 2026-11-24, after --ds 2026-11-23" in ahead.error
    gone = rollback(invoke, models, 24, "--model", OTHER)
    assert gone.code == 66
    assert (
        f"model.safetensors and model.json not found in {models.folder / 'warehouse' / 'gone'}"
        in gone.error
    )
    (models.folder / "warehouse" / "models" / FIRST / "model.json").unlink()
    torn = rollback(invoke, models, 24, "--model", FIRST)
    assert torn.code == 66
    assert f"--model {FIRST}: model.json not found in file:" in torn.error
    unnamed = rollback(invoke, models, 24)
    assert unnamed.code == 64
    assert unnamed.error.startswith("give either --to-ds D, the day whose lists readers shall have")
    assert models.store.read(OPS_MODELS).count() == 3


def test_without_any_model(invoke: Invoke, shop: Shop) -> None:
    ended = rollback(invoke, shop, 24, "--model", FIRST)
    assert ended.code == 66
    assert ended.error.startswith("ops.models: no such table yet")


def test_the_listing_marks_what_is_in_use(
    invoke: Invoke, models: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    ended = invoke("models", "--conf-file", models.conf)
    assert ended.code == 0
    lines = [line for line in ended.out.splitlines() if "dcn_v2-" in line]
    assert [next(m for m in (FIRST, OTHER, SECOND) if m in line) for line in lines] == [
        SECOND, OTHER, FIRST,
    ]  # fmt: skip
    assert [("*" in line) for line in lines] == [True, False, False]
    assert "0.7234" in lines[0]
    assert "0.0040" in lines[0]
    earlier = invoke("models", "--conf-file", models.conf, "--ds", "2026-11-23")
    assert SECOND not in earlier.out
    assert not (Path(models.folder) / "warehouse" / "ops" / "job_runs").exists()


@pytest.mark.faults
@pytest.mark.long
def test_readers_have_the_lists_of_an_earlier_day_again(
    invoke: Invoke, nights: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = ("--conf-file", nights.conf)
    monkeypatch.setattr(rollback_job, "last_day_over", lambda: date(2026, 11, 24))
    old = nights.store.digest(GOLD_RECOMMENDATIONS, on=date(2026, 11, 23))
    new = nights.store.digest(SERVING_RECOMMENDATIONS)
    assert new == nights.store.digest(GOLD_RECOMMENDATIONS, on=date(2026, 11, 24)) != old
    assert invoke("rollback", *conf, "--to-ds", "2026-11-23", "--dry-run").code == 0
    assert nights.store.digest(SERVING_RECOMMENDATIONS) == new

    with nights.store.locks.hold("serving.recommendations/newest"):  # as a night that is publishing
        busy = ("--to-ds", "2026-11-23", "--set", "warehouse.commit_wait_seconds=0")
        assert invoke("rollback", *conf, *busy).code == 75
    assert nights.store.digest(SERVING_RECOMMENDATIONS) == new
    back = invoke("rollback", *conf, "--to-ds", "2026-11-23")
    assert back.code == 0
    assert nights.store.digest(SERVING_RECOMMENDATIONS) == old
    told = next(line for line in back.lines if line["event"] == "rolled back")
    assert (told["from_ds"], told["to_ds"]) == ("2026-11-24", "2026-11-23")
    assert nights.store.last_manifest(SERVING_RECOMMENDATIONS)["rolled_back_from"] == "2026-11-24"
    again = invoke("rollback", *conf, "--to-ds", "2026-11-23")
    assert again.code == 0
    assert "readers have what was published for 2026-11-23 already" in str(again.lines)
    # The night that is run again, once its cause is mended, publishes as ever.
    assert invoke("recommend", *conf, *PLAIN, "--ds", "2026-11-24").code == 0
    assert nights.store.digest(SERVING_RECOMMENDATIONS) == new


@pytest.mark.long
def test_a_day_that_cannot_be_rolled_back_to(invoke: Invoke, nights: Shop) -> None:
    conf = ("--conf-file", nights.conf)
    before = nights.store.version(SERVING_RECOMMENDATIONS)
    missing = invoke("rollback", *conf, "--to-ds", "2026-11-20")
    assert missing.code == 66
    assert missing.error.startswith(
        "--to-ds 2026-11-20: gold.recommendations holds nothing of that day; nearest days that it "
        "holds: 2026-11-23, 2026-11-24"
    )
    assert invoke("rollback", *conf, "--to-ds", "2026-11-31").code == 64
    both = invoke("rollback", *conf, "--to-ds", "2026-11-23", "--model", "m")
    assert both.code == 64
    odd = ("--ds", "2026-11-23", "--model", "m", "--table", "serving.recommendations")
    assert invoke("rollback", *conf, *odd).code == 64
    assert nights.store.version(SERVING_RECOMMENDATIONS) == before
    nowhere = nights.folder / "warehouse" / "none"
    empty = invoke("rollback", *conf, "--set", f"warehouse.root={nowhere}", "--to-ds", "2026-11-23")
    assert empty.code == 66
    assert "readers have nothing yet" in empty.error
