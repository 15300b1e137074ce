"""Bad deliveries: the message, the exit code, and what is in quarantine afterwards."""

import gzip
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from nightshelf.tables import QUARANTINE_EVENTS, SILVER_EVENTS, SILVER_ITEMS, SILVER_USERS
from tests.jobs.conftest import Invoke, Shop, night

USERS = """
  users:
    {format: csv, path: users.csv, options: {header: true}, columns: {user_id: user},
     attributes: [plan]}
"""
DS = ("--ds", "2026-11-24")


def quarantine(shop: Shop) -> dict[str, list[str]]:
    """Raw rows by their reason; of malformed ones, the file."""
    rows = shop.store.read(QUARANTINE_EVENTS).orderBy("raw").collect()
    told: dict[str, list[str]] = {}
    for row in rows:
        assert (row["raw"] is None) == (row["reason_code"] == "malformed")
        told.setdefault(row["reason_code"], []).append(row["raw"] or row["source_file"])
    return told


def test_each_refused_row_is_kept_with_its_reason_and_raw_values(
    invoke: Invoke, shop: Shop
) -> None:
    shop.deliver(
        "2026-11-24",
        "u1,i1,click,2026-11-24 10:00:00,NaN",
        ",i1,click,2026-11-24 10:00:00,1",
        "u1,i1,hover,2026-11-24 10:00:00,1",
        "u1,i1,click,2099-01-01 10:00:00,1",
        "u1,i2,click,2026-11-24 10:00:00,1",
        "u1,i2,click,2026-11-24 10:00:00,1",
        "u1,i3",
    )
    ended = invoke("ingest", "--conf-file", shop.conf, *DS, "--set", "ingest.quarantine_limit=0.9")
    assert ended.code == 0
    told = quarantine(shop)
    assert {reason: len(rows) for reason, rows in told.items()} == {
        "bad_price": 1, "missing_user": 1, "unknown_type": 1, "future": 1, "duplicate": 1,
        "malformed": 1,
    }  # fmt: skip
    assert json.loads(told["bad_price"][0]) == {
        "user": "u1", "item": "i1", "type": "click", "at": "2026-11-24 10:00:00", "price": "NaN",
    }  # fmt: skip
    assert told["malformed"] == ["2026-11-24.csv"]
    counts = next(line for line in ended.lines if line["event"] == "events")
    kept = shop.store.read(SILVER_EVENTS).count()
    assert counts["read"] == kept + sum(map(len, told.values()))


def test_too_many_refused_rows_stop_the_run(invoke: Invoke, shop: Shop) -> None:
    shop.deliver("2026-11-24", *(f"u,i,hover,2026-11-24 10:00:0{n},1" for n in range(5)))
    ended = invoke("ingest", "--conf-file", shop.conf, *DS)
    assert ended.code == 65
    assert ended.error == (
        "events: 5 of 25 rows (20.0%) are faulty (unknown_type 5), over the limit of 5.0%; nothing "
        "was published; look at the source, or raise ingest.quarantine_limit"
    )
    assert shop.store.version(SILVER_EVENTS) is None
    limits = "ingest.quarantine_limits={unknown_type: 0.25}"
    assert invoke("ingest", "--conf-file", shop.conf, *DS, "--set", limits).code == 0


def test_what_a_night_let_pass_does_not_hold_the_next(invoke: Invoke, shop: Shop) -> None:
    shop.deliver("2026-11-23", *(f"u,i,hover,2026-11-23 10:00:0{n},1" for n in range(5)))
    first = ("--conf-file", shop.conf, "--ds", "2026-11-23")
    assert invoke("ingest", *first).code == 65
    assert invoke("ingest", *first, "--set", "ingest.quarantine_limit=0.5").code == 0
    assert invoke("ingest", "--conf-file", shop.conf, *DS).code == 0
    shop.deliver("2026-11-25", "u,i,hover,2026-11-25 10:00:00,1", "u,i,click,2026-11-25 10:00:00,1")
    ended = invoke("ingest", "--conf-file", shop.conf, "--ds", "2026-11-25")
    assert ended.code == 65
    assert ended.error.startswith(
        "new events since the night of 2026-11-24: 1 of 2 rows (50.0%) are faulty (unknown_type 1)"
    )


def test_a_dropped_column_stops_the_run_before_any_write(invoke: Invoke, shop: Shop) -> None:
    assert invoke("ingest", "--conf-file", shop.conf, "--ds", "2026-11-23").code == 0
    shop.deliver("2026-11-24", "u1,i1,click,2026-11-24 10:00:00", header="user,item,type,at")
    ended = invoke("ingest", "--conf-file", shop.conf, *DS)
    assert ended.code == 65
    assert "the column 'price' is missing from file:" in ended.error
    assert shop.store.version(SILVER_EVENTS) == 0
    assert shop.store.version(QUARANTINE_EVENTS) == 0


def test_an_added_column_is_a_warning(invoke: Invoke, shop: Shop) -> None:
    assert invoke("ingest", "--conf-file", shop.conf, "--ds", "2026-11-23").code == 0
    header = "user,item,type,at,price,colour"
    shop.deliver("2026-11-24", "u1,i1,click,2026-11-24 10:00:00,1,red", header=header)
    ended = invoke("ingest", "--conf-file", shop.conf, *DS)
    assert ended.code == 0
    warning = next(line for line in ended.lines if line["level"] == "warning")
    assert (warning["event"], warning["columns"]) == ("new columns in a source", "colour")


@pytest.mark.long
def test_an_old_night_is_held_to_the_columns_of_its_time(invoke: Invoke, shop: Shop) -> None:
    night(invoke, shop, "2026-11-23", "ingest")
    header = "user,item,type,at,price,colour"
    shop.deliver("2026-11-24", "u1,i1,click,2026-11-24 10:00:00,1,red", header=header)
    night(invoke, shop, "2026-11-24", "ingest")
    night(invoke, shop, "2026-11-23", "ingest")
    ended = invoke("ingest", "--conf-file", shop.conf, *DS)
    assert ended.code == 0
    assert not any(line["level"] == "warning" for line in ended.lines)


@pytest.mark.long
def test_a_retyped_column_stops_the_run(invoke: Invoke, shop: Shop) -> None:
    shop.configure()
    text = Path(shop.conf).read_text().replace("format: csv", "format: parquet")
    text = text.replace("log/{ds}.csv", "table").replace("    options: {header: true}\n", "")
    Path(shop.conf).write_text(text)
    table = str(shop.folder / "table")
    log = shop.spark.sql("SELECT 'u' user, 'i' item, 'click' type, '2026-11-24' at, 1.5D price")
    log.write.parquet(table)
    assert invoke("ingest", "--conf-file", shop.conf, *DS).code == 0
    log.selectExpr("user", "item", "type", "at", "string(price) price").write.mode(
        "overwrite"
    ).parquet(table)
    ended = invoke("ingest", "--conf-file", shop.conf, *DS)
    assert ended.code == 65
    assert ended.error.startswith(
        "sources.events.0: the column 'price' was double at the last run and is string; ask why"
    )
    assert shop.store.version(SILVER_EVENTS) == shop.store.version(QUARANTINE_EVENTS) == 0
    accepted = "ingest.accept_new_schema=true"
    assert invoke("ingest", "--conf-file", shop.conf, *DS, "--set", accepted).code == 0


def test_a_truncated_file_is_named(invoke: Invoke, shop: Shop) -> None:
    text = Path(shop.conf).read_text().replace("log/{ds}.csv", "log/{ds}.csv.gz")
    Path(shop.conf).write_text(text)
    rows = "".join(f"u{n},i,click,2026-11-24 10:00:00,1\n" for n in range(20_000))
    whole = gzip.compress(f"user,item,type,at,price\n{rows}".encode())
    (shop.folder / "log" / "2026-11-24.csv.gz").write_bytes(whole[: len(whole) // 2])
    ended = invoke("ingest", "--conf-file", shop.conf, *DS)
    assert ended.code == 65
    assert "2026-11-24.csv.gz: the file cannot be read: it is truncated" in ended.error
    assert shop.store.version(SILVER_EVENTS) is None


def test_nothing_delivered_is_a_missing_input(invoke: Invoke, shop: Shop) -> None:
    ended = invoke("ingest", "--conf-file", shop.conf, "--ds", "2026-11-01")
    assert ended.code == 66
    assert "sources.events.0: nothing at" in ended.error


def test_a_day_with_a_header_only_publishes_nothing_new(invoke: Invoke, shop: Shop) -> None:
    for path in (shop.folder / "log").iterdir():
        path.write_text("user,item,type,at,price\n")
    ended = invoke("ingest", "--conf-file", shop.conf, *DS)
    assert ended.code == 65
    assert "an empty result is never published" in ended.error
    assert shop.store.version(SILVER_EVENTS) is None


def test_pseudonyms_hide_every_raw_id(
    invoke: Invoke, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "a key of the shop, never shown"
    shop.deliver(
        "2026-11-24",
        "secret-ann,i1,click,2026-11-24 10:00:00,1",
        "secret-ann,i1,hover,2026-11-24 10:00:00,1",
        "secret-bob,i2",
        "i1,secret-ann,1,click,2026-11-24 10:00:00,1",
    )
    shop.configure(sources=USERS)
    (shop.folder / "users.csv").write_text("user,plan\nsecret-ann,gold\ngold,secret-bob,2026\n")
    options = ("--set", "privacy.pseudonymise=true", "--set", "ingest.quarantine_limit=1.0")
    refused = invoke("ingest", "--conf-file", shop.conf, *DS, *options)
    assert refused.code == 64
    assert "the environment variable NIGHTSHELF_PSEUDONYM_KEY holds nothing" in refused.error
    monkeypatch.setenv("NIGHTSHELF_PSEUDONYM_KEY", "short")
    assert invoke("ingest", "--conf-file", shop.conf, *DS, *options).code == 64
    monkeypatch.setenv("NIGHTSHELF_PSEUDONYM_KEY", key)
    ended = invoke("ingest", "--conf-file", shop.conf, *DS, *options)
    assert ended.code == 0
    pseudonym = hmac.new(key.encode(), b"secret-ann", hashlib.sha256).hexdigest()
    users = {r["user_id"] for r in shop.store.read(SILVER_EVENTS).select("user_id").collect()}
    assert pseudonym in users
    assert {reason: len(raw) for reason, raw in quarantine(shop).items()} == {
        "malformed": 2, "unknown_type": 1,
    }  # fmt: skip
    told = json.dumps(ended.lines) + "".join(
        path.read_bytes().decode("latin-1")
        for path in (shop.folder / "warehouse").rglob("*")
        if path.is_file()
    )
    for table in (SILVER_EVENTS, QUARANTINE_EVENTS, SILVER_ITEMS, SILVER_USERS):
        told += str(shop.store.read(table).collect())
    assert "secret-" not in told
    assert key not in told


@pytest.mark.long
def test_malformed_rows_of_users_are_left_out_up_to_a_limit(invoke: Invoke, shop: Shop) -> None:
    shop.configure(sources=USERS)
    users = shop.folder / "users.csv"
    users.write_text("user,plan\n" + "".join(f"u{n},gold\n" for n in range(39)) + "x,u40,basic\n")
    ended = invoke("ingest", "--conf-file", shop.conf, *DS)
    assert ended.code == 0
    [warning] = [line["event"] for line in ended.lines if line["level"] == "warning"]
    assert warning == "users: 1 of 40 rows are malformed, and left out"
    assert shop.store.read(SILVER_USERS).count() == 39
    with users.open("a") as file:
        file.write("x,u41,basic\nx\n")
    tables = (QUARANTINE_EVENTS, SILVER_EVENTS, SILVER_ITEMS, SILVER_USERS)
    before = [shop.store.version(table) for table in tables]
    ended = invoke("ingest", "--conf-file", shop.conf, *DS)
    assert ended.code == 65
    assert [shop.store.version(table) for table in tables] == before
    assert ended.error.startswith(
        "users: 3 of 42 rows (7.1%) are malformed, over the limit of 5.0%"
    )


@pytest.mark.long
def test_no_key_is_needed_without_pseudonyms(
    invoke: Invoke, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NIGHTSHELF_PSEUDONYM_KEY", raising=False)
    assert invoke("ingest", "--conf-file", shop.conf, *DS).code == 0
    users = {r["user_id"] for r in shop.store.read(SILVER_EVENTS).collect()}
    assert users == {f"u{n}" for n in range(5)}
