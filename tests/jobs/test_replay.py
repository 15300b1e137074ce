"""Past lists made again from what they were made of."""

import pytest
import yaml
from delta.tables import DeltaTable

from nightshelf.tables import OPS_JOB_RUNS, SILVER_EVENTS
from tests.jobs.conftest import PLAIN, Invoke, Shop


def run_of(shop: Shop, day: int) -> str:
    runs = shop.store.read(OPS_JOB_RUNS).where("job = 'recommend'").collect()
    return next(str(row["run_id"]) for row in runs if row["ds"].day == day)


@pytest.mark.long
def test_a_past_list_is_made_again(invoke: Invoke, nights: Shop) -> None:
    conf = ("--conf-file", nights.conf, "--set", "recommend.k=4")  # today's settings are no matter
    first, second = run_of(nights, 23), run_of(nights, 24)
    # What has become of the tables since is no matter either.
    nights.deliver("2026-11-24", "u1,i3,purchase,2026-11-24 10:00:00,9.5")
    told = (*PLAIN, "--conf-file", nights.conf, "--ds", "2026-11-24")
    assert invoke("nightly", *told, "--to", "recommend").code == 0
    for run_id in (first, second):
        ended = invoke("replay", *conf, "--run-id", run_id)
        assert ended.code == 0, ended.lines
        step = next(line for line in ended.lines if line["event"] == "step")
        assert (step["replayed"], step["same"]) == (run_id, True)


@pytest.mark.long
def test_a_list_that_comes_out_otherwise_is_told(invoke: Invoke, nights: Shop) -> None:
    run_id = run_of(nights, 24)
    configs = nights.folder / "warehouse" / "ops" / "configs"
    [kept] = configs.glob("*.yaml")
    config = yaml.safe_load(kept.read_text())
    config["recommend"]["k"] = 1
    kept.write_text(yaml.safe_dump(config))
    tampered = invoke("replay", "--conf-file", nights.conf, "--run-id", run_id)
    assert tampered.code == 66
    assert f"{kept.name}: not as it was written" in tampered.error
    kept.with_name(f".{kept.name}.crc").unlink()
    ended = invoke("replay", "--conf-file", nights.conf, "--run-id", run_id)
    assert ended.code == 65
    assert f"{run_id}: recommend published gold.recommendations of 2026-11-24" in ended.error
    kept.unlink()
    gone = invoke("replay", "--conf-file", nights.conf, "--run-id", run_id)
    assert gone.code == 66
    assert "its configuration is not at" in gone.error
    kept.touch()  # as a full disk leaves it
    assert invoke("replay", "--conf-file", nights.conf, "--run-id", run_id).code == 66
    unknown = invoke("replay", "--conf-file", nights.conf, "--run-id", "2026-11-24-0")
    assert unknown.code == 66
    assert run_id in unknown.error
    assert invoke("replay", "--conf-file", nights.conf).code == 64


def test_a_torn_configuration_is_kept_anew(invoke: Invoke, nights: Shop) -> None:
    """By the next run that has it, such as one of a job with nothing to do."""
    configs = nights.folder / "warehouse" / "ops" / "configs"
    before = set(configs.glob("*.yaml"))
    told = ("--conf-file", nights.conf, "--ds", "2026-11-24")
    assert invoke("score_reviews", *told).code == 0
    [own] = set(configs.glob("*.yaml")) - before
    whole = own.read_bytes()
    for torn in (whole[:9], b""):
        own.write_bytes(torn)
        assert invoke("score_reviews", *told).code == 0
        assert own.read_bytes() == whole


@pytest.mark.long
def test_a_run_whose_versions_are_gone_is_a_missing_input(invoke: Invoke, nights: Shop) -> None:
    store, run_id = nights.store, run_of(nights, 23)
    with store.setting("spark.databricks.delta.retentionDurationCheck.enabled", "false"):
        DeltaTable.forPath(nights.spark, store.path(SILVER_EVENTS)).vacuum(0)
    ended = invoke("replay", "--conf-file", nights.conf, "--run-id", run_id)
    assert ended.code == 66
    assert ended.error.startswith("silver.events: version 0 is kept no more")


def test_no_other_day_than_the_runs_is_taken(invoke: Invoke, nights: Shop) -> None:
    run_id = run_of(nights, 24)
    told = ("--conf-file", nights.conf, "--ds", "2026-11-23")
    replayed = invoke("replay", *told, "--run-id", run_id)
    compared = invoke("compare", *told, "--a", run_id, "--b", run_id)
    assert (replayed.code, compared.code) == (64, 64)
    assert replayed.error == f"--run-id {run_id} names the day: leave --ds out"
    assert compared.error == f"--a {run_id} names the day: leave --ds out"
