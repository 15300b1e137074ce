"""Items and users that are delivered anew each day."""

from datetime import date

import pytest

from nightshelf.tables import SILVER_ITEMS, SILVER_USERS
from tests.jobs.conftest import Invoke, Shop, night

DAY_1, DAY_2 = "2026-11-23", "2026-11-24"
CONFIGURED = """
  items:
    - {format: csv, path: "items/{ds}.csv", options: {header: true}, columns: {item_id: item, price: price}}
  users:
    - {format: csv, path: "users/{ds}.csv", options: {header: true}, columns: {user_id: user}, attributes: [plan]}
"""  # noqa: E501


@pytest.mark.long
def test_a_day_whose_file_is_gone_keeps_what_it_told(invoke: Invoke, shop: Shop) -> None:
    shop.configure(sources=CONFIGURED)
    items, users = (shop.folder / name for name in ("items", "users"))
    items.mkdir()
    users.mkdir()
    (items / f"{DAY_1}.csv").write_text("item,price\ni0,100\ni1,5\n")
    (users / f"{DAY_1}.csv").write_text("user,plan\nu0,basic\nu1,basic\n")
    night(invoke, shop, DAY_1, "ingest")
    (items / f"{DAY_1}.csv").unlink()
    (users / f"{DAY_1}.csv").unlink()
    (items / f"{DAY_2}.csv").write_text("item,price\ni0,80\n")
    (users / f"{DAY_2}.csv").write_text("user,plan\nu0,gold\n")
    night(invoke, shop, DAY_2, "ingest")
    first, second = date.fromisoformat(DAY_1), date.fromisoformat(DAY_2)
    prices = {(r["item_id"], r["ds"]): r["price"] for r in shop.store.read(SILVER_ITEMS).collect()}
    assert prices == {("i0", first): 100.0, ("i1", first): 5.0, ("i0", second): 80.0}
    told = shop.store.read(SILVER_USERS).collect()
    plans = {(r["user_id"], r["ds"]): r["attributes"]["plan"] for r in told}
    assert plans == {("u0", first): "basic", ("u1", first): "basic", ("u0", second): "gold"}
