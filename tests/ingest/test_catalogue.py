"""Daily deliveries of items and users hold from their day on."""

from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshelf.config import ItemSource, UserSource
from nightshelf.ingest.catalogue import deliver_items, deliver_users
from nightshelf.ingest.sources import Reader
from nightshelf.literals import frame_of
from nightshelf.tables.as_of import changes, items_as_of

DS = date(2026, 11, 24)
ITEM_FIELDS = {"item_id": "item", "price": "price", "stock": "stock", "delisted": "gone"}


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_day_s_items_hold_from_that_day_on(
    spark: SparkSession, tmp_path: Path, form: str
) -> None:
    snapshots = {
        "2026-11-22": ("a", 100.0, 7, True),
        "2026-11-23": ("a", 80.0, 0, False),
        "2026-11-25": ("a", 60.0, 9, True),
    }
    for day, row in snapshots.items():
        rows = frame_of(spark, [row], "item string, price double, stock int, gone boolean")
        rows.write.format(form).option("header", "true").save(str(tmp_path / f"our items {day}"))
    source = ItemSource(
        format=form, path="our items {ds}", columns=ITEM_FIELDS, options={"header": "true"}
    )
    items = deliver_items(Reader(spark, str(tmp_path), None, DS), [source])
    told = {r["ds"].day: (r["price"], r["stock"], r["delisted"]) for r in items.collect()}
    assert told == {22: (100.0, 7, True), 23: (80.0, 0, False)}
    [now] = items.transform(items_as_of(DS)).collect()
    assert (now["price"], now["stock"], now["delisted"]) == (80.0, 0, False)


def test_a_date_is_that_day_in_any_zone(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(
        "item,price,since\na,1,2026-01-15\nb,1,2026-01-15 00:30:00\nc,1,2026-01-15T23:30:00-05:00\n"
    )
    source = ItemSource(
        format="csv", path="items.csv", options={"header": "true"}, timezone="Europe/Berlin",
        columns={"item_id": "item", "price": "price", "valid_from": "since"},
    )  # fmt: skip
    items = deliver_items(Reader(spark, str(tmp_path), None, DS), [source])
    assert {r["item_id"]: r["ds"].day for r in items.collect()} == {"a": 15, "b": 14, "c": 16}


@pytest.mark.parametrize(
    ("form", "told"), [("dd.MM.yyyy", "15.01.2026"), ("dd.MM.yyyy HH:mm", "15.01.2026 01:30")]
)
def test_a_date_in_a_form_of_its_own_is_that_day_in_any_zone(
    spark: SparkSession, tmp_path: Path, form: str, told: str
) -> None:
    (tmp_path / "items.csv").write_text(f"item,price,since\na,1,{told}\n")
    source = ItemSource(
        format="csv", path="items.csv", options={"header": "true"}, timezone="Europe/Berlin",
        timestamp_format=form,
        columns={"item_id": "item", "price": "price", "valid_from": "since"},
    )  # fmt: skip
    [item] = deliver_items(Reader(spark, str(tmp_path), None, DS), [source]).collect()
    assert item["ds"] == date(2026, 1, 15)


def test_what_holds_from_no_day_holds_from_the_delivery(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "items.csv").write_text("item,price,since\na,1,\nb,2,1890-01-01\n")
    source = ItemSource(
        format="csv", path="items.csv", options={"header": "true"},
        columns={"item_id": "item", "price": "price", "valid_from": "since"},
    )  # fmt: skip
    items = deliver_items(Reader(spark, str(tmp_path), None, DS), [source])
    assert {r["item_id"]: r["ds"] for r in items.collect()} == {"a": DS, "b": date(1890, 1, 1)}


def test_two_sources_tell_of_one_user(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text("user,since\nu1,\nu1,2020-01-01\n")
    (tmp_path / "loyalty.csv").write_text("user,plan\nu1,gold\n")
    options = {"header": True}
    crm = UserSource(
        format="csv", path="crm.csv", options=options,
        columns={"user_id": "user", "signup_date": "since"},
    )  # fmt: skip
    loyalty = UserSource(
        format="csv", path="loyalty.csv", options=options, columns={"user_id": "user"},
        attributes=("plan",),
    )  # fmt: skip
    reader = Reader(spark, str(tmp_path), None, DS)
    [user] = deliver_users(reader, [crm, loyalty], None).collect()
    assert (user["signup_date"], user["attributes"]) == (date(2020, 1, 1), {"plan": "gold"})


def test_a_change_of_a_user_holds_from_its_file_s_day_on(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "2026-11-21.csv").write_text("user,plan\nu1,basic\nu2,basic\n")
    (tmp_path / "2026-11-22.csv").write_text("user,plan\nu1,basic\nu3,\n")
    (tmp_path / "2026-11-23.csv").write_text("user,plan\nu1,gold\nu3,basic\n")
    (tmp_path / "2026-11-24.csv").write_text("user,plan\nu1,basic\n")
    (tmp_path / "2026-11-25.csv").write_text("user,plan\nu1,later\n")
    source = UserSource(
        format="csv",
        path="{ds}.csv",
        columns={"user_id": "user"},
        attributes=("plan",),
        options={"header": True},
    )
    users = deliver_users(Reader(spark, str(tmp_path), None, DS), [source], None)
    told = {
        (r["user_id"], r["ds"].day): (r["attributes"] or {}).get("plan")
        for r in users.transform(changes).collect()
    }
    assert told == {
        ("u1", 21): "basic", ("u1", 23): "gold", ("u1", 24): "basic",
        ("u2", 21): "basic",
        ("u3", 22): None, ("u3", 23): "basic",
    }  # fmt: skip
