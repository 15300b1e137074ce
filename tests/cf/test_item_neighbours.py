"""Neighbours against literal values, brute force and implicit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.cf.item_neighbours import neighbours
from nightshelf.cf.kernel import block_neighbours
from nightshelf.tables.digest import digest
from tests.cf.oracle import Neighbours, brute_force
from tests.conftest import Frame

PAIRS = "user_id string, item_id string, weight double"
LITERAL = [
    ("u1", "a", 1.0), ("u1", "b", 1.0),
    ("u2", "a", 1.0), ("u2", "b", 1.0), ("u2", "c", 1.0),
    ("u3", "c", 2.0), ("u3", "d", 1.0),
    ("u4", "a", 1.0),
]  # fmt: skip


def told(found: DataFrame) -> Neighbours:
    rows = found.orderBy("item_id", "rank").collect()
    lists: Neighbours = {}
    for r in rows:
        lists.setdefault(r["item_id"], []).append(
            (r["neighbour_id"], r["similarity"], r["co_users"])
        )
        assert r["rank"] == len(lists[r["item_id"]])
    return lists


def assert_same(ours: Neighbours, theirs: Neighbours) -> None:
    assert ours.keys() == theirs.keys()
    for item, others in theirs.items():
        assert [(i, n) for i, _, n in ours[item]] == [(i, n) for i, _, n in others], item
        assert [s for _, s, _ in ours[item]] == pytest.approx([s for _, s, _ in others], abs=2e-12)


def test_a_literal_shop(frame: Frame) -> None:
    found = told(
        frame(PAIRS, LITERAL).transform(neighbours(k=2, shrinkage=0.0, min_co_users=1, blocks=2))
    )
    assert_same(
        found,
        {
            "a": [("b", 2 / np.sqrt(3 * 2), 2), ("c", 1 / np.sqrt(3 * 5), 1)],
            "b": [("a", 2 / np.sqrt(3 * 2), 2), ("c", 1 / np.sqrt(2 * 5), 1)],
            "c": [("d", 2 / np.sqrt(5 * 1), 1), ("b", 1 / np.sqrt(2 * 5), 1)],
            "d": [("c", 2 / np.sqrt(5 * 1), 1)],
        },
    )


def test_shrinkage_and_least_co_users(frame: Frame) -> None:
    found = frame(PAIRS, LITERAL).transform(
        neighbours(k=5, shrinkage=3.0, min_co_users=2, blocks=1)
    )
    assert_same(
        told(found),
        {"a": [("b", 0.4 * 2 / np.sqrt(6), 2)], "b": [("a", 0.4 * 2 / np.sqrt(6), 2)]},
    )


def random_pairs(seed: int, users: int, items: int, n: int) -> list[tuple[str, str, float]]:
    rng = np.random.default_rng(seed)
    chosen = {
        (f"u{u}", f"i{int(i)}"): float(w)
        for u, i, w in zip(
            rng.integers(0, users, n),
            (items * rng.random(n) ** 2).astype(int),
            rng.integers(1, 9, n) / 4,
            strict=True,
        )
    }
    return [(user, item, weight) for (user, item), weight in sorted(chosen.items())]


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize(("shrinkage", "min_co_users", "k"), [(0.0, 1, 100), (5.0, 2, 4)])
def test_equals_brute_force(
    frame: Frame, blocks: int, shrinkage: float, min_co_users: int, k: int
) -> None:
    pairs = random_pairs(5, users=60, items=40, n=700)
    found = frame(PAIRS, pairs).transform(
        neighbours(k=k, shrinkage=shrinkage, min_co_users=min_co_users, blocks=blocks)
    )
    assert_same(told(found), brute_force(pairs, k, shrinkage, min_co_users))


def test_same_rows_for_any_order_and_any_number_of_blocks(frame: Frame) -> None:
    pairs = random_pairs(6, users=80, items=50, n=900)
    shuffled = [pairs[n] for n in np.random.default_rng(1).permutation(len(pairs))]
    digests = {
        digest(
            frame(PAIRS, rows)
            .repartition(parts)
            .transform(neighbours(k=7, shrinkage=2.0, min_co_users=1, blocks=blocks))
        )
        for rows, parts, blocks in [(pairs, 1, 1), (shuffled, 3, 2), (shuffled, 5, 7)]
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], {}),
        ([("u", "a", 1.0)], {}),
        ([("u", "a", 1.0), ("v", "a", 1.0)], {}),
        (
            [("u", "a", 1.0), ("u", "b", 3.0)],
            {"a": [("b", 1.0, 1)], "b": [("a", 1.0, 1)]},
        ),
        (
            [("u", "x" * 1000, 1.0), ("u", "9007199254740993", 1.0)],
            {
                "x" * 1000: [("9007199254740993", 1.0, 1)],
                "9007199254740993": [("x" * 1000, 1.0, 1)],
            },
        ),
    ],
    ids=["nothing", "one pair", "one item", "one user", "long ids and large numbers"],
)
def test_edge_cases(frame: Frame, pairs: list[tuple[Any, ...]], expected: Neighbours) -> None:
    found = frame(PAIRS, pairs).transform(neighbours(k=3, shrinkage=0.0, min_co_users=1, blocks=2))
    assert_same(told(found), expected)


def test_of_ties_the_smallest_ids_are_kept(frame: Frame) -> None:
    everything = [(f"u{u}", f"i{i}", 1.0) for u in range(3) for i in range(12)]
    found = told(
        frame(PAIRS, everything).transform(neighbours(k=3, shrinkage=0.0, min_co_users=1, blocks=4))
    )
    assert [i for i, _, _ in found["i0"]] == ["i1", "i10", "i11"]
    assert [i for i, _, _ in found["i11"]] == ["i0", "i1", "i10"]


def test_cosines_equal_on_paper_are_ties(frame: Frame) -> None:
    """2 / sqrt(8 * 8) with "y" and 3 / sqrt(8 * 18) with "b" are both 1/4."""
    pairs = [(f"u{u}", "a", 1.0) for u in range(8)]
    pairs += [(f"u{u}", "y", 1.0) for u in (0, 1, *range(10, 16))]
    pairs += [(f"u{u}", "b", 1.0) for u in (2, 3, 4, *range(20, 35))]
    found = frame(PAIRS, pairs).transform(neighbours(k=2, shrinkage=0.0, min_co_users=1, blocks=2))
    assert told(found)["a"] == [("b", 0.25, 3), ("y", 0.25, 2)]


@pytest.mark.parametrize("power", [-40, -17, 20])
def test_only_the_proportions_of_weights_matter(frame: Frame, power: int) -> None:
    """An item that was last wanted years ago has tiny weights and the same neighbours."""
    scaled = [(user, item, weight * 2.0**power) for user, item, weight in LITERAL]
    found = told(
        frame(PAIRS, scaled).transform(neighbours(k=2, shrinkage=1.0, min_co_users=1, blocks=2))
    )
    assert_same(found, brute_force(LITERAL, 2, 1.0, 1))


def test_weights_of_very_different_sizes(frame: Frame) -> None:
    pairs = [("u", "a", 2.0**-30), ("u", "b", 1000.0), ("v", "b", 2.0**-30), ("v", "c", 0.1)]
    found = told(
        frame(PAIRS, pairs).transform(neighbours(k=2, shrinkage=0.0, min_co_users=1, blocks=1))
    )
    assert found["a"] == [("b", pytest.approx(1.0), 1)]
    assert "c" not in found  # its only cosine, 2**-30 / 1000, is below what a multiple can hold


@pytest.mark.parametrize("weighted", [False, True])
def test_a_user_with_the_whole_catalogue(frame: Frame, weighted: bool) -> None:
    pairs = random_pairs(7, users=20, items=60, n=200)
    pairs = [("robot", f"i{i}", 1.0) for i in range(60)] + [
        (user, item, weight if weighted else 1.0) for user, item, weight in pairs
    ]
    found = frame(PAIRS, pairs).transform(neighbours(k=59, shrinkage=2.0, min_co_users=1, blocks=3))
    assert_same(told(found), brute_force(pairs, 59, 2.0, 1))


@limits(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.integers(0, 8), st.integers(1, 3), min_size=1), min_size=1, max_size=12
    ),
    st.integers(1, 9),
    st.booleans(),
    st.sets(st.integers(0, 8), min_size=1),
)
def test_the_kernel_equals_brute_force(
    histories: list[dict[int, int]], k: int, weighted: bool, targets: set[int]
) -> None:
    """Of any items as targets, with one weight an item (co-users are counted) and with several."""
    items = np.array([i for history in histories for i in history], dtype=np.int32)
    units = np.array([w for history in histories for w in history.values()], dtype=np.int32)
    units = units if weighted else np.ones_like(units)
    found = block_neighbours(
        np.cumsum([0, *map(len, histories)]).astype(np.int64),
        items,
        units,
        lengths=np.sqrt(np.maximum(np.bincount(items, weights=units**2.0, minlength=9), 1)),
        targets=np.array(sorted(targets), dtype=np.int32),
        k=k,
        shrinkage=1.0,
        min_co_users=1,
    )
    lists: Neighbours = {}
    for target, rank, other, similarity, count in zip(*(c.tolist() for c in found), strict=True):
        lists.setdefault(str(target), []).append((str(other), similarity, count))
        assert rank == len(lists[str(target)])
    pairs = [
        (str(u), str(i), float(w if weighted else 1))
        for u, history in enumerate(histories)
        for i, w in history.items()
    ]
    expected = brute_force(pairs, k, 1.0, 1)
    assert_same(lists, {i: others for i, others in expected.items() if int(i) in targets})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Method expects CSR input")
def test_equals_implicit_on_ml_1m(spark: SparkSession, shared_data: Any) -> None:
    """K=100, weights 1: overlap at least .99 and differences of at most 1e-5."""
    from implicit.nearest_neighbours import CosineRecommender
    from scipy.sparse import csr_matrix

    ratings = spark.read.parquet(str(shared_data / "ml-1m" / "ratings.parquet"))
    pairs = ratings.selectExpr("string(user_id) user_id", "string(item_id) item_id", "1D weight")
    found = pairs.transform(neighbours(k=100, shrinkage=0.0, min_co_users=1, blocks=2)).toPandas()
    known = pairs.toPandas()
    users, items = known.user_id.astype("category").cat, known.item_id.astype("category").cat
    matrix = csr_matrix((np.ones(len(known)), (users.codes, items.codes)))
    model = CosineRecommender(K=101, num_threads=2)  # one more: it counts the item itself
    model.fit(matrix, show_progress=False)
    theirs = model.similarity.tocsr()
    ids = items.categories.to_numpy()
    ours = {
        i: dict(zip(g.neighbour_id, g.similarity, strict=True)) for i, g in found.groupby("item_id")
    }
    kept = total = 0
    largest = 0.0
    for row, item in enumerate(ids):
        entries = slice(theirs.indptr[row], theirs.indptr[row + 1])
        told = {
            ids[c]: s for c, s in zip(theirs.indices[entries], theirs.data[entries], strict=True)
        }
        told.pop(item, None)
        best = dict(sorted(told.items(), key=lambda o: -o[1])[:100])
        mine = ours.get(item, {})
        kept += len(best.keys() & mine.keys())
        total += len(best)
        largest = max([largest, *(abs(best[i] - mine[i]) for i in best.keys() & mine.keys())])
    print(f"overlap {kept / total:.5f}, largest difference {largest:.2e}")
    assert kept / total >= 0.99
    assert largest <= 1e-5


def test_no_column_but_the_contract(frame: Frame) -> None:
    found = frame(PAIRS, LITERAL).transform(
        neighbours(k=2, shrinkage=0.0, min_co_users=1, blocks=2)
    )
    assert found.select(F.count("*")).collect()[0][0] == 7
    assert found.dtypes == [
        ("item_id", "string"), ("rank", "int"), ("neighbour_id", "string"),
        ("similarity", "double"), ("co_users", "bigint"),
    ]  # fmt: skip
