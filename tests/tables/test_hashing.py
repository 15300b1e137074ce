"""Hashes of rows: published values, and what may not change them."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from nightshelf.tables.hashing import row_hashes, string_hashes


def test_strings_hash_as_published() -> None:
    found = string_hashes(pa.array(["x", "", "a", "foobar"]).slice(1))
    assert [hex(h) for h in found] == ["0xcbf29ce484222325", "0xaf63dc4c8601ec8c",
                                       "0x85944171f73967e8"]  # fmt: skip
    assert len(string_hashes(pa.array([], pa.string()))) == 0
    assert len(string_hashes(pa.array([""]))) == 1


def batch(items: list[str | None], ranks: list[int | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "item": pa.array(items).dictionary_encode(),
            "rank": pa.array(ranks, pa.int32()),
            "ds": pa.array([date(2026, 11, 24)] * len(items)),
        }
    )


def test_equal_rows_hash_alike_whatever_their_dictionary() -> None:
    one = row_hashes(batch(["a", "b", "a"], [1, 2, 1]), ["item", "rank", "ds"], 0)
    other = row_hashes(batch(["b", "a"], [2, 1]), ["item", "rank", "ds"], 0)
    assert one[0] == one[2] == other[1]
    assert one[1] == other[0]


@pytest.mark.parametrize(
    "pair",
    [(("a", 1), ("a", 2)), (("a", 1), ("b", 1)), ((None, 1), ("", 1)), (("a", None), ("a", 0))],
)
def test_other_rows_hash_otherwise(pair: tuple[tuple[str | None, int | None], ...]) -> None:
    found = row_hashes(batch(*map(list, zip(*pair, strict=True))), ["item", "rank"], 0)
    assert found[0] != found[1]


def test_a_million_keys_do_not_collide() -> None:
    items = [f"i{n}" for n in range(1_000)]
    rows = batch([i for i in items for _ in range(1_000)], list(range(1_000)) * 1_000)
    hashes = [row_hashes(rows, ["item", "rank"], salt) for salt in (0, 1)]
    assert len(np.unique(np.concatenate(hashes))) == 2_000_000
