"""A catalogue without days is told as a whole each night: what it lacks is not sold any more."""

from datetime import date

import pytest

from nightshelf.tables import SILVER_ITEMS
from nightshelf.tables.as_of import items_as_of
from tests.jobs.conftest import Invoke, Shop, night

CATALOGUE = """
  items: {format: csv, path: items.csv, options: {header: true}, columns: {item_id: item}}
"""


def on_sale(shop: Shop, day: int) -> set[str]:
    items = shop.store.read(SILVER_ITEMS).transform(items_as_of(date(2026, 11, day)))
    return {row["item_id"] for row in items.where("available").collect()}


@pytest.mark.long
def test_an_item_that_the_catalogue_drops_is_delisted(invoke: Invoke, shop: Shop) -> None:
    shop.configure(sources=CATALOGUE)
    items = shop.folder / "items.csv"
    items.write_text("item\ni0\ni1\ni2\ni3\n")
    night(invoke, shop, "2026-11-22", "ingest")
    items.write_text("item\ni0\ni2\ni3\n")
    night(invoke, shop, "2026-11-23", "ingest")
    assert on_sale(shop, 22) == {"i0", "i1", "i2", "i3"}
    assert on_sale(shop, 23) == {"i0", "i2", "i3"}
    items.write_text("item\ni0\n")
    cut = invoke("ingest", "--conf-file", shop.conf, "--ds", "2026-11-24")
    assert cut.code == 65
    assert cut.error.startswith("items: 2 of the 3 on sale are delisted or no more in the cat")
    items.write_text("item\ni0\ni1\n")
    told = ("--set", "audits.max_delisted=null")
    ended = invoke("ingest", "--conf-file", shop.conf, "--ds", "2026-11-24", *told)
    assert ended.code == 0
    assert on_sale(shop, 24) == {"i0", "i1"}
