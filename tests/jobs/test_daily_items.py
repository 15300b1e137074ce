"""A catalogue that is delivered anew each day."""

from datetime import date

from nightshelf.tables import SILVER_ITEMS
from tests.jobs.conftest import Invoke, Shop, night

DAY_1, DAY_2 = "2026-11-23", "2026-11-24"
CONFIGURED = """
  items:
    - {format: csv, path: "items/{ds}.csv", options: {header: true}, columns: {item_id: item, price: price}}
"""  # noqa: E501


def test_a_day_whose_file_is_gone_keeps_what_it_told(invoke: Invoke, shop: Shop) -> None:
    shop.configure(sources=CONFIGURED)
    folder = shop.folder / "items"
    folder.mkdir()
    (folder / f"{DAY_1}.csv").write_text("item,price\ni0,100\ni1,5\n")
    night(invoke, shop, DAY_1, "ingest")
    (folder / f"{DAY_1}.csv").unlink()
    (folder / f"{DAY_2}.csv").write_text("item,price\ni0,80\n")
    night(invoke, shop, DAY_2, "ingest")
    told = {(r["item_id"], r["ds"]): r["price"] for r in shop.store.read(SILVER_ITEMS).collect()}
    first, second = date.fromisoformat(DAY_1), date.fromisoformat(DAY_2)
    assert told == {("i0", first): 100.0, ("i1", first): 5.0, ("i0", second): 80.0}
