"""The samples' job: what it publishes and exports, and when it has nothing to do."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from nightshelf.features.encoding import Encoding
from nightshelf.fields import Inputs
from nightshelf.tables import SAMPLES, VOCABULARIES
from tests.jobs.conftest import Ended, Invoke, Shop

CONF = """
samples: {train_days: 2, valid_days: 1, test_days: 1, min_count: 1, negatives: 3}
ctr: {min_positives: 5, ranks: 2}
"""


def rows(day: int, users: int = 9) -> list[str]:
    return [
        f"u{u},i{(u * 5 + day * (k + 1)) % 24},{'click' if k < 2 else 'purchase'},"
        f"2026-11-{day:02d} 10:0{k}:{u:02d},{5 + u}"
        for u in range(users)
        for k in range(3)
    ]


def step(ended: Ended) -> dict[str, Any]:
    return next(line for line in ended.lines if line["event"] == "step")


def files(folder: Path) -> dict[str, Any]:
    return {
        f"{path.parent.name}/{path.name}": pq.read_table(path).to_pylist()
        for path in sorted(folder.glob("t*/*.parquet")) + sorted(folder.glob("valid/*.parquet"))
    }


@pytest.mark.slow
@pytest.mark.long
def test_a_shop_without_impressions(invoke: Invoke, shop: Shop) -> None:
    shop.configure(CONF)
    for day in range(10, 17):
        shop.deliver(f"2026-11-{day}", *rows(day))
    at = ("--conf-file", shop.conf, "--ds", "2026-11-15")
    assert invoke("ingest", *at).code == 0
    skipped = step(invoke("build_samples", *at, "--set", "ctr.min_positives=1000"))
    assert skipped["status"] == "skipped"
    assert shop.store.version(SAMPLES) is None
    folder = shop.folder / "warehouse" / "training" / "2026-11-15"
    assert step(invoke("build_samples", *at, "--dry-run"))["status"] == "dry-run"
    assert not folder.exists()
    told = step(invoke("build_samples", *at))
    assert told["status"] == "done"
    assert {"user.device", "cross.category_share", "context.position"} <= set(told["left_out"])
    assert told["unknown"]["item_id"] == 0.0
    inputs = Inputs.from_json((folder / "inputs.json").read_text())
    assert [f.name for f in inputs.categorical] == ["user_id", "item_id"]
    assert Encoding.load(folder / "encoding").inputs == inputs
    first = files(folder)
    assert {name.split("/")[0]: len(made) for name, made in first.items()}.keys() == {
        "train", "valid", "test",
    }  # fmt: skip
    exported = sum(len(made) for made in first.values())
    assert exported == shop.store.read(SAMPLES).count() == sum(told["samples"].values())
    assert {r.ds.day for r in shop.store.read(SAMPLES).select("ds").collect()} == {12, 13, 14, 15}
    ids = {(r.field, r.value): r.id for r in shop.store.read(VOCABULARIES).collect()}
    digest = shop.store.digest(SAMPLES)
    assert step(invoke("build_samples", *at))["status"] == "done"
    assert (files(folder), shop.store.digest(SAMPLES)) == (first, digest)
    shop.deliver("2026-11-14", *rows(14), "new,i1,click,2026-11-14 12:00:00,1")
    next_night = ("--conf-file", shop.conf, "--ds", "2026-11-16")
    assert invoke("ingest", *next_night).code == 0
    assert step(invoke("build_samples", *next_night))["status"] == "done"
    after = {(r.field, r.value): r.id for r in shop.store.read(VOCABULARIES).collect()}
    assert after.items() > ids.items()
    assert after["user_id", "new"] == max(i for (f, _), i in after.items() if f == "user_id")
    assert json.loads((folder / "inputs.json").read_text()) == json.loads(inputs.to_json())
    assert step(invoke("build_samples", *at))["status"] == "done"
    again = Inputs.from_json((folder / "inputs.json").read_text())
    assert again.categorical == inputs.categorical
    known = Encoding.load(folder / "encoding")
    assert known.knows("user_id", "u1")
    assert not known.knows("user_id", "new")
    assert {(r.field, r.value): r.id for r in shop.store.read(VOCABULARIES).collect()} == after
