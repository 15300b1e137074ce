"""Retrieval against literal values and brute force in double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from threadpoolctl import threadpool_info

from nightshelf.errors import ConfigError, DataQualityError
from nightshelf.retrieval.exact import nearest_items
from nightshelf.retrieval.kernel import best_items
from nightshelf.retrieval.vectors import matrix
from nightshelf.runs.failures import explained
from tests.conftest import Frame

USERS = "user_id string, vector array<float>"
ITEMS = "item_id string, vector array<float>"
SEEN = "user_id string, item_id string"
SHOP = [("a", [1.0, 0.0]), ("b", [0.0, 2.0]), ("c", [1.0, 1.0]), ("d", [0.0, 2.0])]
SHOPPERS = [("u1", [1.0, 0.5]), ("u2", [-1.0, 0.0]), ("u3", [0.0, 0.0])]

Lists = dict[str, list[tuple[str, float]]]


def told(found: DataFrame) -> Lists:
    lists: Lists = {}
    for r in found.orderBy("user_id", "rank").collect():
        lists.setdefault(r["user_id"], []).append((r["item_id"], r["score"]))
        assert r["rank"] == len(lists[r["user_id"]])
    return lists


@pytest.mark.parametrize("items_at_once", [100, 2, 1])
def test_a_literal_shop(frame: Frame, items_at_once: int) -> None:
    find = nearest_items(frame(ITEMS, SHOP), n=3, items_at_once=items_at_once)
    found = frame(USERS, SHOPPERS).transform(find)
    assert told(found) == {
        "u1": [("c", 1.5), ("a", 1.0), ("b", 1.0)],  # a, b and d are equal
        "u2": [("b", 0.0), ("d", 0.0), ("a", -1.0)],
        "u3": [("a", 0.0), ("b", 0.0), ("c", 0.0)],
    }
    assert found.dtypes == [
        ("user_id", "string"), ("rank", "int"), ("item_id", "string"), ("score", "double"),
    ]  # fmt: skip


@pytest.mark.parametrize("items_at_once", [100, 3])
def test_what_was_seen_is_left_out_and_the_list_still_filled(
    frame: Frame, items_at_once: int
) -> None:
    pairs = [("u1", "c"), ("u1", "a"), ("u1", "c"), ("u1", "gone"), ("else", "b"), ("u3", None)]
    pairs += [("u2", item) for item, _ in SHOP]
    find = nearest_items(
        frame(ITEMS, SHOP), n=2, seen=frame(SEEN, pairs), items_at_once=items_at_once
    )
    assert told(frame(USERS, SHOPPERS).transform(find)) == {
        "u1": [("b", 1.0), ("d", 1.0)],
        "u3": [("a", 0.0), ("b", 0.0)],
    }


def test_fewer_items_than_asked_for(frame: Frame) -> None:
    find = nearest_items(frame(ITEMS, SHOP), n=10, seen=frame(SEEN, [("u1", "c")]))
    found = told(frame(USERS, SHOPPERS[:2]).transform(find))
    assert [item for item, _ in found["u1"]] == ["a", "b", "d"]
    assert [item for item, _ in found["u2"]] == ["b", "d", "a", "c"]


@pytest.mark.parametrize(
    ("users", "items"), [([], SHOP), (SHOPPERS, []), ([], [])], ids=["users", "items", "neither"]
)
def test_nothing_to_find(frame: Frame, users: list[Any], items: list[Any]) -> None:
    found = frame(USERS, users).transform(nearest_items(frame(ITEMS, items), n=3))
    assert told(found) == {}
    assert found.columns == ["user_id", "rank", "item_id", "score"]


def test_ids_are_ordered_by_their_bytes_as_spark_orders_them(frame: Frame) -> None:
    ids = ["10", "9", "B", "a", "é", "\U0001f600", "\uffff"]
    items = frame(ITEMS, [(item, [1.0]) for item in ids])
    found = told(frame(USERS, [("u", [1.0])]).transform(nearest_items(items, n=9)))
    assert [item for item, _ in found["u"]] == sorted(ids, key=str.encode)
    assert [r["item_id"] for r in items.orderBy("item_id").collect()] == sorted(ids, key=str.encode)


def random_vectors(name: str, seed: int, count: int, rank: int) -> list[tuple[str, list[float]]]:
    """Of very different lengths, as those of popular and of rare items are."""
    rng = np.random.default_rng(seed)
    made = rng.standard_normal((count, rank)) * rng.lognormal(0, 1, (count, 1))
    return [(f"{name}{i}", v.tolist()) for i, v in enumerate(made.astype(np.float32))]


def brute_force(
    users: list[tuple[str, list[float]]],
    items: list[tuple[str, list[float]]],
    n: int,
    seen: set[tuple[str, str]],
) -> Lists:
    found = {}
    for user, u in users:
        scored = [
            (item, float(np.dot(np.float64(u), np.float64(v))))
            for item, v in items
            if (user, item) not in seen
        ]
        found[user] = sorted(scored, key=lambda s: (-s[1], s[0]))[:n]
    return {user: best for user, best in found.items() if best}


def assert_same(ours: Lists, theirs: Lists) -> None:
    assert ours.keys() == theirs.keys()
    for user, best in theirs.items():
        assert [item for item, _ in ours[user]] == [item for item, _ in best], user
        assert [s for _, s in ours[user]] == pytest.approx([s for _, s in best], rel=1e-9)


@pytest.mark.parametrize(("n", "items_at_once"), [(7, 1000), (7, 100), (290, 1000)])
def test_equals_brute_force_for_any_seen(frame: Frame, n: int, items_at_once: int) -> None:
    """User 0 has seen nothing, user 19 nearly everything."""
    users, items = random_vectors("u", 1, 20, 13), random_vectors("i", 2, 300, 13)
    rng = np.random.default_rng(3)
    seen = {
        (f"u{u}", f"i{i}") for u in range(20) for i in rng.permutation(300)[: int(296 * u / 19)]
    }
    find = nearest_items(
        frame(ITEMS, items), n=n, seen=frame(SEEN, sorted(seen)), items_at_once=items_at_once
    )
    assert_same(told(frame(USERS, users).transform(find)), brute_force(users, items, n, seen))


@pytest.fixture
def batches_of_17(spark: SparkSession) -> Iterator[None]:
    key = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(key)
    spark.conf.set(key, "17")
    yield
    spark.conf.set(key, before)


def rows_of(frame: Frame, parts: int, items_at_once: int) -> list[Any]:
    users, items = random_vectors("u", 4, 90, 16), random_vectors("i", 5, 400, 16)
    mixed = [users[i] for i in np.random.default_rng(parts).permutation(len(users))]
    find = nearest_items(frame(ITEMS, items), n=5, items_at_once=items_at_once)
    return sorted(map(tuple, frame(USERS, mixed).repartition(parts).transform(find).collect()))


@pytest.fixture(scope="module")
def expected(frame: Frame) -> list[Any]:
    return rows_of(frame, 1, 1000)


def test_same_rows_for_any_partitions_and_blocks(frame: Frame, expected: list[Any]) -> None:
    assert len(expected) == 450
    assert rows_of(frame, 7, 150) == expected


@pytest.mark.usefixtures("batches_of_17")
def test_same_rows_for_any_batches(frame: Frame, expected: list[Any]) -> None:
    assert rows_of(frame, 3, 1000) == expected


def kernel_lists(users: Any, items: Any, n: int) -> list[list[tuple[int, float]]]:
    users, items = np.array(users, np.float32), np.array(items, np.float32)
    bounds, places = np.zeros(len(users) + 1, np.int64), np.empty(0, np.int32)
    lists: list[list[tuple[int, float]]] = [[] for _ in users]
    for best in best_items(users, items, bounds, places, n=n):
        for user, rank, item, score in zip(*(c.tolist() for c in best), strict=True):
            lists[user].append((item, score))
            assert rank == len(lists[user])
    return lists


WHOLE = st.integers(-3, 3).map(float)


@limits(max_examples=80, deadline=None)
@given(
    st.integers(1, 9).flatmap(
        lambda rank: st.tuples(
            st.lists(st.lists(WHOLE, min_size=rank, max_size=rank), min_size=1, max_size=6),
            st.lists(st.lists(WHOLE, min_size=rank, max_size=rank), min_size=1, max_size=60),
        )
    ),
    st.integers(1, 70),
    st.sampled_from([2.0**-80, 2.0**-70, 1.0, 2.0**60]),
)
def test_the_kernel_equals_brute_force(
    vectors: tuple[list[list[float]], list[list[float]]], n: int, scale: float
) -> None:
    """Whole numbers, so that there are many ties; scaled so that singles would lose them."""
    users, items = (np.array(v) * scale for v in vectors)
    expected = [
        sorted(enumerate((items @ user).tolist()), key=lambda s: (-s[1], s[0]))[:n]
        for user in users
    ]
    assert kernel_lists(users, items, n) == expected


def test_items_that_single_precision_cannot_tell_apart() -> None:
    """Products of about 2**28, where singles are 32 apart, that differ by some hundreds."""
    rng = np.random.default_rng(8)
    users = rng.integers(900, 1100, (20, 32))
    items = np.full((500, 32), 10_000)
    for item in items:
        more, less = rng.permutation(32)[:2]
        item[more] += 1
        item[less] -= 1
    for n in (1, 20):
        expected = [
            sorted(enumerate((items @ user).tolist()), key=lambda s: (-s[1], s[0]))[:n]
            for user in users
        ]
        assert kernel_lists(users, items, n) == expected


def test_many_blocks_of_users() -> None:
    rng = np.random.default_rng(7)
    users, items = rng.standard_normal((90, 5)), rng.standard_normal((40_000, 5))
    users, items = users.astype(np.float32), items.astype(np.float32)
    found = kernel_lists(users, items, 20)  # 32 users at once
    for user, best in zip(users, found, strict=True):
        scores = items.astype(np.float64) @ user.astype(np.float64)
        assert [i for i, _ in best] == np.argsort(-scores, kind="stable")[:20].tolist()


def test_blas_keeps_to_the_cores_of_its_task(spark: SparkSession) -> None:
    def threads(batches: Any) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            used = [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]
            yield pa.RecordBatch.from_pydict({"threads": pa.array(used, pa.int32())})

    found = spark.range(1).mapInArrow(threads, "threads int").collect()
    assert {r["threads"] for r in found} == {1}


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("user", "vector", "copies", "line"),
    [
        (None, [1.0, 1.0], 1, "expected a user_id in every row, found null"),
        ("x", None, 1, "'x': expected a vector of at least one number, found 0"),
        ("x", [], 1, "'x': expected a vector of at least one number, found 0"),
        ("x", [1.0], 1, "'x': expected 2 numbers as in the first item's vector, found 1"),
        ("x", [1.0, NAN], 1, "'x': expected finite numbers and a length below 2**63, found nan"),
        ("x", [1.0, None], 1, "'x': expected finite numbers and a length below 2**63, found nan"),
        ("x", [-INF, 0.0], 1, "'x': expected finite numbers and a length below 2**63, found inf"),
        ("x", [1e19, 0.0], 1, "'x': expected finite numbers and a length below 2**63, found 9.9"),
        ("x\ny", [1.0, 1.0], 2, r"'x\ny': expected one row, found 2"),
    ],
)
def test_bad_vectors(user: str | None, vector: list[Any] | None, copies: int, line: str) -> None:
    batch = pa.record_batch(
        [
            pa.array(["a", user]),
            pa.array([[1.0, 0.0], vector], pa.list_(pa.float32())),
            pa.array([1, copies]),
        ],
        ["user_id", "vector", "copies"],
    )
    with pytest.raises(DataQualityError) as raised:
        matrix("users", "user_id", batch, 2)
    assert str(raised.value).startswith("users: ")
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_bad_items_are_told_when_applied(frame: Frame) -> None:
    find = nearest_items(frame(ITEMS, [*SHOP, ("b", [2.0, 2.0])]), n=1)
    with pytest.raises(DataQualityError, match="items: item_id 'b': expected one row, found 2"):
        frame(USERS, SHOPPERS).transform(find)


def test_bad_users_are_told_in_one_line_of_their_task(frame: Frame) -> None:
    users = frame(USERS, [*SHOPPERS, ("u1", [2.0, 2.0])])
    with pytest.raises(PythonException) as raised:
        users.transform(nearest_items(frame(ITEMS, SHOP), n=1)).collect()
    error = explained(raised.value)
    assert isinstance(error, DataQualityError)
    assert str(error).startswith("users: user_id 'u1': expected one row, found 2; ")


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        (
            "user_id bigint, vector array<float>",
            "expected the column 'user_id' as string, found bigint",
        ),
        ("user_id string, vector array<double>", "as array<float>, found array<double>"),
        ("user_id string", "expected the column 'vector' as array<float>, found no such column"),
    ],
)
def test_bad_columns(frame: Frame, schema: str, line: str) -> None:
    with pytest.raises(DataQualityError, match=line):
        frame(schema, []).transform(nearest_items(frame(ITEMS, SHOP), n=1))


def test_bad_seen_and_bad_n(frame: Frame) -> None:
    seen = frame("user_id string, item_id int", [])
    find = nearest_items(frame(ITEMS, SHOP), n=1, seen=seen)
    users = frame(USERS, SHOPPERS)
    with pytest.raises(DataQualityError, match="seen: expected the column 'item_id' as string"):
        users.transform(find)
    with pytest.raises(ConfigError, match="expected n of at least 1, found 0"):
        nearest_items(frame(ITEMS, SHOP), n=0)
