"""Cross features, against plain dictionaries."""

import math

import numpy as np
import pyarrow as pa
import pytest

from nightshelf.features.cross import NAMES, ItemTexts, Near, Neighbours, Pairs, crossed
from nightshelf.tables.hashing import string_hashes

ROW = np.dtype(
    [
        ("recent", "<u8", (4,)),
        ("ages", "<i4", (4,)),
        ("categories", "<u8", (2,)),
        ("categories_shares", "<f4", (2,)),
        ("brands", "<u8", (2,)),
        ("brands_shares", "<f4", (2,)),
        ("price", "<f4"),
    ]
)
ITEM = np.dtype([("category", "<u8"), ("brand", "<u8"), ("price", "<f4")])
NONE = pa.table(
    {
        "item_id": pa.array([], pa.string()),
        "neighbour_id": pa.array([], pa.string()),
        "similarity": pa.array([], pa.float64()),
    }
)


def hashed(*names: str) -> list[int]:
    return string_hashes(pa.array(names, pa.string())).tolist()


def test_similarity_to_the_history_is_what_brute_force_adds_up() -> None:
    rng = np.random.default_rng(7)
    names = [f"i{n}" for n in range(30)]
    table = {
        (a, b): float(rng.random())
        for a in names[:20]
        for b in names[5:]
        if a != b and rng.random() < 0.3
    }
    pairs = list(table)
    rng.shuffle(pairs)
    neighbours = Neighbours.of(
        pa.table(
            {
                "item_id": [a for a, _ in pairs],
                "neighbour_id": [b for _, b in pairs],
                "similarity": [table[a, b] for a, b in pairs],
            }
        )
    )
    assert len(neighbours) == len(table)
    near = Near(neighbours)
    histories = [[], ["i3"], ["i9", "i25", "i1"], ["i19", "i2", "i7", "unheard"]]
    users = np.zeros(4, ROW)
    for u, history in enumerate(histories):
        users["recent"][u, : len(history)] = hashed(*history)
        users["ages"][u, : len(history)] = [3 * n + u for n in range(len(history))]
    candidates = [*names, "never"]
    user_of = np.repeat(np.arange(4), len(candidates))
    hashes = np.array(hashed(*candidates) * 4, np.uint64)
    item_of = np.zeros(len(hashes), np.int64)
    made = Pairs(users, user_of, np.zeros(1, ITEM), item_of, hashes)
    for half_life in (5.0, None):
        found = crossed(("item_cf", "times_seen", "days_since_seen"), made, near, half_life)
        for n, (u, name) in enumerate((u, c) for u in range(4) for c in candidates):
            faded = [2 ** (-(3 * k + u) / half_life) if half_life else 1 for k in range(4)]
            total = sum(
                f * table.get((h, name), 0) for f, h in zip(faded, histories[u], strict=False)
            )
            assert found[n, 0] == pytest.approx(total, abs=1e-12)
            is_seen = name in histories[u]
            assert found[n, 1] == is_seen
            if is_seen:
                assert found[n, 2] == 3 * histories[u].index(name) + u
            else:
                assert math.isnan(found[n, 2])


def test_prices_and_shares() -> None:
    users = np.zeros(2, ROW)
    users["price"] = [2.5, np.nan]
    users["categories"][0] = hashed("shoes", "hats")
    users["categories_shares"][0] = [0.75, 0.25]
    users["brands"][0, :1] = hashed("acme")
    users["brands_shares"][0, :1] = [1.0]
    items = np.zeros(3, ITEM)
    items["category"] = [*hashed("hats", "coats"), 0]
    items["brand"] = [*hashed("acme"), 0, *hashed("other")]
    items["price"] = [3.0, np.nan, 1.0]
    user_of, item_of = np.array([0, 0, 0, 1]), np.array([0, 1, 2, 0])
    pairs = Pairs(users, user_of, items, item_of, np.array(hashed("a", "b", "c", "a"), np.uint64))
    found = crossed(NAMES, pairs, Near(Neighbours.of(NONE)), 30.0)
    nan = math.nan
    expected = [  # in the order of NAMES
        [nan, nan, 0.5, 0.25, 1.0, 0, nan],
        [nan, nan, nan, 0.0, nan, 0, nan],
        [nan, nan, -1.5, nan, 0.0, 0, nan],
        [nan, nan, nan, 0.0, 0.0, 0, nan],
    ]
    np.testing.assert_array_equal(found, expected)


def test_likeness_of_texts_is_that_of_the_nearest_other_item_of_the_history() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(6, 5)).astype(np.float32)
    vectors[5] = 0  # of an item without a text
    names = [f"i{n}" for n in range(6)]
    texts = ItemTexts.read(pa.table({"item_id": names, "vector": vectors.tolist()}))
    assert len(texts.hashes) == 5
    histories: list[list[str]] = [[], ["i5", "unheard"], ["i1"], ["i0", "i3", "i5", "i4"]]
    users = np.zeros(4, ROW)
    for u, history in enumerate(histories):
        users["recent"][u, : len(history)] = hashed(*history)
    candidates = [*names, "never"]
    user_of = np.repeat(np.arange(4), len(candidates))
    hashes = np.array(hashed(*candidates) * 4, np.uint64)
    pairs = Pairs(users, user_of, np.zeros(1, ITEM), np.zeros(len(hashes), np.int64), hashes)
    found = crossed(("text_similarity",), pairs, Near(Neighbours.of(NONE), texts), None)[:, 0]
    lengths = np.linalg.norm(vectors[:5], axis=1)
    known = {name: vectors[n] / lengths[n] for n, name in enumerate(names[:5])}
    for n, (u, name) in enumerate((u, c) for u in range(4) for c in candidates):
        value = found[n]
        others = [known[other] for other in histories[u] if other in known and other != name]
        if name in known and others:
            assert value == pytest.approx(max(float(known[name] @ o) for o in others), abs=1e-6)
        else:
            assert math.isnan(value)
