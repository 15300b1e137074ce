"""The features job: of whom it publishes features, and as of when."""

from datetime import date

import pytest

from nightshelf.tables import ITEM_FEATURES, USER_FEATURES
from tests.jobs.conftest import Invoke, Shop

DAY = date(2026, 11, 23)


@pytest.mark.long
def test_all_users_and_items_known_by_the_day(invoke: Invoke, shop: Shop) -> None:
    shop.deliver("2026-11-24", "late,i9,click,2026-11-24 10:00:00,5")
    assert invoke("ingest", "--conf-file", shop.conf, "--ds", "2026-11-24").code == 0
    given = ("build_features", "--conf-file", shop.conf, "--ds", DAY.isoformat())
    assert invoke(*given).code == 0
    store = shop.store
    users = {r["user_id"]: r for r in store.read(USER_FEATURES, on=DAY).collect()}
    assert users.keys() == {f"u{n}" for n in range(5)}
    items = {r["item_id"]: r for r in store.read(ITEM_FEATURES, on=DAY).collect()}
    assert items.keys() == {f"i{n}" for n in range(4)}
    before = [store.digest(table, DAY) for table in (USER_FEATURES, ITEM_FEATURES)]
    assert invoke(*given).code == 0
    assert [store.digest(table, DAY) for table in (USER_FEATURES, ITEM_FEATURES)] == before
