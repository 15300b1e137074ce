"""What sources and folders may hold by mistake or malice."""

import pickle
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from nightshelf.errors import DataQualityError
from nightshelf.literals import frame_of
from nightshelf.ranking.model import whole
from nightshelf.tables import (
    ITEM_NEIGHBOURS,
    OPS_MODELS,
    QUARANTINE_EVENTS,
    SERVING_RECOMMENDATIONS,
    SILVER_EVENTS,
    SILVER_ITEMS,
)
from tests.jobs.conftest import PLAIN, Invoke, Shop
from tests.jobs.test_rollback import row

pytestmark = [pytest.mark.faults]
DS = "2026-11-24"


def test_a_day_that_was_not_delivered(invoke: Invoke, nights: Shop) -> None:
    conf = (*PLAIN, "--conf-file", nights.conf, "--ds", "2026-11-25")
    before = nights.store.digest(SERVING_RECOMMENDATIONS)
    missing = invoke("nightly", *conf)
    assert missing.code == 66
    assert "log/2026-11-25.csv; the day's delivery is missing: deliver it" in missing.error
    assert nights.store.digest(SERVING_RECOMMENDATIONS) == before
    accepted = ("--set", "ingest.accept_missing_day=true")
    ended = invoke("ingest", *conf, *accepted)
    assert ended.code == 0
    assert any(line["event"].startswith("no events of 2026-11-25") for line in ended.lines)
    held = invoke("ingest", *conf, *accepted, "--set", "audits.min_day_events=0.5")
    assert held.code == 65
    assert held.error.startswith("events: 0 of 2026-11-25, expected at least 0.5 of the 10")


@pytest.mark.long
def test_an_empty_day_leaves_no_one_without_a_list(invoke: Invoke, nights: Shop) -> None:
    nights.deliver("2026-11-25")
    ended = invoke("nightly", *PLAIN, "--conf-file", nights.conf, "--ds", "2026-11-25")
    assert ended.code == 0
    assert any(line["event"].startswith("no events of 2026-11-25") for line in ended.lines)
    lists = nights.store.read(SERVING_RECOMMENDATIONS)
    assert {r["ds"] for r in lists.collect()} == {date(2026, 11, 25)}
    assert lists.count() == 12


def test_late_and_future_events_lie_on_their_own_days(invoke: Invoke, shop: Shop) -> None:
    conf = ("--conf-file", shop.conf, "--ds", DS)
    shop.deliver(
        DS,
        "u1,i1,click,2026-11-22 09:00:00,9.5",  # two days late
        "u1,i2,click,2026-11-24 09:00:00,9.5",
        "u1,i1,click,2027-01-01 09:00:00,9.5",  # from a clock that is wrong
    )
    assert invoke("ingest", *conf, "--set", "ingest.quarantine_limit=0.5").code == 0
    rows = shop.store.read(SILVER_EVENTS).where("hour(event_ts) = 9").collect()
    assert sorted((r["ds"].day, r["item_id"]) for r in rows) == [(22, "i1"), (24, "i2")]
    refused = shop.store.read(QUARANTINE_EVENTS).collect()
    assert [r["reason_code"] for r in refused] == ["future"]


HOSTILE = (
    "'; DROP TABLE users; --",
    "`rm -rf /`",
    "$(reboot)",
    "{{ ds }}",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "ünïcödé Ωμέγα עברית",
    "👩‍👩‍👧‍👦",
    "a\tb",
    "%s%n{0}",
    "NULL",
    "x" * 10_000,
)


@pytest.mark.long
def test_hostile_names_are_names(invoke: Invoke, shop: Shop) -> None:
    """Of users, items and titles; they come out as they went in, and nothing else happens."""
    shop.configure(
        sources="""
  items:
    format: csv
    path: items.csv
    options: {header: true}
    columns: {item_id: item, title: title}
"""
    )
    (shop.folder / "items.csv").write_text(
        "item,title\n" + "".join(f"{quoted(name)},{quoted(name)}\n" for name in HOSTILE)
    )
    for day in ("2026-11-23", DS):
        shop.deliver(
            day,
            *(
                f"{quoted(user)},{quoted(item)},click,{day} 10:00:0{n % 10},1"
                for n, user in enumerate(HOSTILE)
                for item in HOSTILE[: 4 + n % 3]
            ),
        )
    text = (
        "--set",
        "text.model=lsa",
        "--set",
        "ctr.enabled=false",
        "--set",
        "towers.enabled=false",
    )
    ended = invoke("nightly", "--conf-file", shop.conf, "--ds", DS, *text)
    assert ended.code == 0, ended.lines
    items = {r["item_id"]: r["title"] for r in shop.store.read(SILVER_ITEMS).collect()}
    assert {name: items[name] for name in HOSTILE} == {name: name for name in HOSTILE}
    lists = shop.store.read(SERVING_RECOMMENDATIONS).collect()
    assert {r["user_id"] for r in lists} >= set(HOSTILE)
    assert {r["item_id"] for r in lists} <= {*HOSTILE, "i0", "i1", "i2", "i3"}


def quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


class Canary:
    """Unpickled, it makes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


def test_a_planted_pickle_is_not_loaded(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    payload = pickle.dumps(Canary(str(canary)))
    (tmp_path / "encoding").mkdir()
    for name in ("model.safetensors", "model.json", "encoding/encoding.json"):
        (tmp_path / name).write_bytes(payload)
    (tmp_path / "encoding" / "vocabularies.parquet").write_bytes(payload)
    with pytest.raises(DataQualityError, match=r"model\.json"):
        whole(str(tmp_path))
    assert not canary.exists()
    pickle.loads(payload)
    assert canary.exists()  # it would have told


@pytest.mark.parametrize(
    "path",
    [
        "models/../../elsewhere",
        *(pytest.param(p, marks=pytest.mark.long) for p in ("/etc", "s3a://bucket/models/m")),
    ],
)
def test_a_model_elsewhere_is_not_looked_at(invoke: Invoke, nights: Shop, path: str) -> None:
    """The night goes on without it, and says so."""
    told = row("planted", 24, "promoted", path, 0.99)
    frame = frame_of(nights.spark, [told], OPS_MODELS.schema)
    nights.store.append(frame, OPS_MODELS)
    lists = nights.store.digest(SERVING_RECOMMENDATIONS)
    settings = ("towers.enabled=false", "text.enabled=false", "search.enabled=false")
    sets = [x for setting in settings for x in ("--set", setting)]
    ended = invoke("recommend", *sets, "--conf-file", nights.conf, "--ds", DS)
    assert ended.code == 0, ended.lines
    [warning] = [line for line in ended.lines if line["level"] == "warning"]
    assert warning["event"] == "the lists are ranked without a model"
    assert f"a model's folder is told to be {path}, which is not below" in warning["why"]
    assert nights.store.digest(SERVING_RECOMMENDATIONS) == lists


@pytest.mark.long
def test_another_pseudonym_key_is_noticed(
    invoke: Invoke, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = ("--conf-file", shop.conf, "--ds", DS, "--set", "privacy.pseudonymise=true")
    monkeypatch.setenv("NIGHTSHELF_PSEUDONYM_KEY", "the key of the first nights")
    assert invoke("ingest", *conf).code == 0
    users = shop.store.digest(SILVER_EVENTS)
    monkeypatch.setenv("NIGHTSHELF_PSEUDONYM_KEY", "a key that was rotated")
    refused = invoke("ingest", *conf)
    assert refused.code == 64
    assert (
        "by another pseudonym key, or none: with this one every user would be new" in refused.error
    )
    assert "rotated" not in str(refused.lines)
    assert shop.store.digest(SILVER_EVENTS) == users
    plain = invoke("ingest", "--conf-file", shop.conf, "--ds", DS)
    assert plain.code == 64
    assert invoke("ingest", *conf, "--set", "privacy.accept_new_key=true").code == 0


@pytest.mark.long
def test_no_erased_user_is_back_by_another_key(
    invoke: Invoke, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = ("--conf-file", shop.conf, "--ds", DS)
    assert invoke("ingest", *conf).code == 0
    assert invoke("erase_user", *conf, "--user", "u3").code == 0
    monkeypatch.setenv("NIGHTSHELF_PSEUDONYM_KEY", "the first key there is")
    conf = (*conf, "--set", "privacy.pseudonymise=true")
    accepted = (*conf, "--set", "privacy.accept_new_key=true")
    users = shop.store.digest(SILVER_EVENTS)
    refused = invoke("ingest", *accepted)
    assert refused.code == 64
    assert "ops.erased_users tells of 1 erased ids" in refused.error
    assert "erase each of them again by jobs/erase_user.py under this key" in refused.error
    assert shop.store.digest(SILVER_EVENTS) == users
    assert invoke("erase_user", *conf, "--user", "u3").code == 0
    assert invoke("ingest", *accepted).code == 64
    knowing = ("--set", "privacy.accept_lost_erasures=true")
    assert invoke("ingest", *accepted, *knowing).code == 0
    assert shop.store.read(SILVER_EVENTS).select("user_id").distinct().count() == 4
    # The key is that of the table now.
    assert invoke("ingest", *conf).code == 0


@pytest.mark.slow
@pytest.mark.long
def test_a_robot_of_ten_million_events_costs_its_reading(invoke: Invoke, shop: Shop) -> None:
    """Its day is refused; the neighbours are those of a shop that it never came to.

    So many refused rows hold the night by themselves: someone has looked, and lets them pass.
    """
    conf = ("--conf-file", shop.conf, "--ds", DS, *PLAIN)
    assert invoke("ingest", *conf).code == 0
    assert invoke("build_item_cf", *conf).code == 0
    without = shop.store.digest(ITEM_NEIGHBOURS)
    rows = shop.spark.range(10_000_000).select(
        F.lit("robot").alias("user"),
        F.format_string("i%d", F.col("id") % 4).alias("item"),
        F.lit("click").alias("type"),
        # A day has 8,640 microseconds for each of them.
        F.timestamp_micros(F.lit(1795478400_000_000) + F.col("id") * 8_640)
        .cast("string")
        .alias("at"),
        F.lit("9.5").alias("price"),
    )
    folder = Path(shop.folder) / "robot"
    rows.write.option("header", "true").csv(str(folder))
    for n, part in enumerate(sorted(folder.glob("*.csv"))):
        part.rename(shop.folder / "log" / f"{DS}-{n}.csv")
    text = Path(shop.conf).read_text().replace("log/{ds}.csv", "log/{ds}*.csv")
    Path(shop.conf).write_text(text)
    ended = invoke("ingest", *conf, "--set", "ingest.quarantine_limits={robot: 1.0}")
    assert ended.code == 0, ended.lines
    counts = next(line for line in ended.lines if line["event"] == "events")
    assert counts["robot"] == 10_000_000
    assert invoke("build_item_cf", *conf).code == 0
    assert shop.store.digest(ITEM_NEIGHBOURS) == without
