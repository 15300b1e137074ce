"""A night on each real data set that has a mapping."""

from pathlib import Path

import pytest

from nightshelf.config import WarehouseConfig, load
from nightshelf.tables import QUARANTINE_EVENTS, SERVING_RECOMMENDATIONS, SILVER_EVENTS, Store
from tests.jobs.conftest import Invoke

ROOT = Path(__file__).resolve().parents[2]

# (config, ds, rows read up to ds, rows kept), counted by hand where the set is small.
NIGHTS = [
    ("online_retail", "2010-12-31", None, None),
    ("amazon_electronics", "2019-01-31", None, None),
    ("ml_100k", "1997-11-30", None, None),
    ("retailrocket", "2015-09-18", 92_487, 89_956),
    ("rees46", "2019-10-01", 17_435, 17_429),
    ("jd", "2016-02-10", None, None),
    ("obd", "2019-11-26", 4_418, 4_418),
]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(("name", "ds", "read", "kept"), NIGHTS, ids=[n[0] for n in NIGHTS])
def test_a_night_on_real_data(
    invoke: Invoke, store: Store, shared_data: Path, name: str, ds: str, read: int, kept: int
) -> None:
    conf = ROOT / "conf" / "datasets" / f"{name}.yaml"
    root = store.config.root
    settings = ("--set", f"warehouse.root={root}", "--set", f"sources.root={shared_data}")
    settings += ("--set", "ctr.enabled=false", "--set", "towers.enabled=false")
    settings += ("--set", "text.model=lsa", "--set", "text.lsa_dimensions=8")
    settings += ("--set", "maintenance.quarantine_days=null")
    ended = invoke("nightly", "--conf-file", str(conf), "--ds", ds, *settings)
    assert ended.code == 0, ended.lines
    counts = next(line for line in ended.lines if line["event"] == "events")
    events = store.read(SILVER_EVENTS).count()
    assert counts["read"] == events + store.read(QUARANTINE_EVENTS).count()
    if read is not None:
        assert (counts["read"], events) == (read, kept)
    reader = Store(store.spark, WarehouseConfig(root=root), "reader")
    lists = reader.read(SERVING_RECOMMENDATIONS).groupBy("user_id").count()
    users = store.read(SILVER_EVENTS).select("user_id").distinct().count()
    assert lists.count() >= users + 1
    assert lists.where(f"count <> {load(str(conf), ()).recommend.k}").isEmpty()
