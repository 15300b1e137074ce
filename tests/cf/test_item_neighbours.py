"""Neighbours against literal values, brute force and implicit."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nightshelf.cf.catalogue import measured
from nightshelf.cf.histories import from_pairs
from nightshelf.cf.plan import Limits, chosen
from nightshelf.cf.similarities import Similarity, components
from nightshelf.tables.digest import digest
from tests.cf.oracle import Neighbours, brute_force
from tests.cf.shop import PAIRS, assert_same, near, random_pairs, told
from tests.conftest import Frame

LITERAL = [
    ("u1", "a", 1.0), ("u1", "b", 1.0),
    ("u2", "a", 1.0), ("u2", "b", 1.0), ("u2", "c", 1.0),
    ("u3", "c", 2.0), ("u3", "d", 1.0),
    ("u4", "a", 1.0),
]  # fmt: skip


def test_a_literal_shop(frame: Frame) -> None:
    found = told(near(frame(PAIRS, LITERAL), k=2, blocks=2))
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
    found = near(frame(PAIRS, LITERAL), k=5, shrinkage=3.0, min_co_users=2, blocks=1)
    assert_same(
        told(found),
        {"a": [("b", 0.4 * 2 / np.sqrt(6), 2)], "b": [("a", 0.4 * 2 / np.sqrt(6), 2)]},
    )


@pytest.mark.parametrize("similarity", ["cosine", "tfidf", "bm25", "jaccard", "ease"])
@pytest.mark.parametrize(("shrinkage", "min_co_users", "k"), [(0.0, 1, 100), (5.0, 2, 4)])
def test_equals_brute_force(
    frame: Frame, similarity: Similarity, shrinkage: float, min_co_users: int, k: int
) -> None:
    pairs = random_pairs(5, users=60, items=40, n=700)
    options: dict[str, Any] = {"k": k, "shrinkage": shrinkage, "min_co_users": min_co_users}
    found = near(frame(PAIRS, pairs), blocks=3, similarity=similarity, **options)
    # The logarithms of tfidf and bm25 are no whole multiples of a unit.
    assert_same(told(found), brute_force(pairs, similarity=similarity, **options), within=1e-7)


SMALL = {"task_bytes": 2_000}  # some four slices of users


@pytest.mark.parametrize(
    "similarity",
    ["cosine", *(pytest.param(s, marks=pytest.mark.long) for s in ("bm25", "jaccard", "ease"))],
)
def test_same_rows_for_any_order_and_any_plan(frame: Frame, similarity: Similarity) -> None:
    pairs = random_pairs(6, users=80, items=50, n=900)
    shuffled = [pairs[n] for n in np.random.default_rng(1).permutation(len(pairs))]
    plans: list[tuple[list[Any], int, dict[str, Any]]] = [
        (pairs, 1, {"blocks": 1, "plan": "broadcast"}),
        (shuffled, 3, {"blocks": 4, "plan": "broadcast"}),
        (shuffled, 2, {"blocks": 7, "plan": "replicate"}),
        (pairs, 5, {"blocks": 3, "plan": "grid", **SMALL}),
    ]
    digests = {
        digest(
            near(frame(PAIRS, rows), parts=parts, similarity=similarity, k=7, shrinkage=2.0, **plan)
        )
        for rows, parts, plan in plans
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("limits", "expected"),
    [({}, "broadcast"), ({"broadcast_bytes": 0}, "replicate"),
     ({"broadcast_bytes": 0, "task_bytes": 100}, "grid")],
)  # fmt: skip
def test_the_plan_follows_what_was_measured(
    frame: Frame, limits: dict[str, int], expected: str
) -> None:
    catalogue = measured(
        frame(PAIRS, random_pairs(6, users=80, items=50, n=900)).transform(from_pairs(2)),
        partial(components, "cosine", plain=None),
    )
    given = {"broadcast_bytes": 2**20, "task_bytes": 2**20} | limits
    plan = chosen(catalogue, Limits(blocks=4, **given))
    assert plan.name == expected
    assert plan.slices == (-(-catalogue.pairs * 8 * 3 // 100) if expected == "grid" else 1)
    cost = np.bincount(plan.block, weights=catalogue.cost)
    assert cost.max() < 1.25 * cost.min()


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], {}),
        pytest.param([("u", "a", 1.0)], {}, marks=pytest.mark.long),
        ([("u", "a", 1.0), ("v", "a", 1.0)], {}),
        pytest.param(
            [("u", "a", 1.0), ("u", "b", 3.0)],
            {"a": [("b", 1.0, 1)], "b": [("a", 1.0, 1)]},
            marks=pytest.mark.long,
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
    found = near(frame(PAIRS, pairs), k=3, blocks=2)
    assert_same(told(found), expected)
    by_ease = told(near(frame(PAIRS, pairs), k=3, blocks=2, similarity="ease"))
    assert_same(by_ease, brute_force(pairs, 3, 0.0, 1, "ease"), within=1e-8)


def test_of_ties_the_smallest_ids_are_kept(frame: Frame) -> None:
    everything = [(f"u{u}", f"i{i}", 1.0) for u in range(3) for i in range(12)]
    found = told(near(frame(PAIRS, everything), k=3, blocks=4))
    assert [i for i, _, _ in found["i0"]] == ["i1", "i10", "i11"]
    assert [i for i, _, _ in found["i11"]] == ["i0", "i1", "i10"]


def test_cosines_equal_on_paper_are_ties(frame: Frame) -> None:
    """2 / sqrt(8 * 8) with "y" and 3 / sqrt(8 * 18) with "b" are both 1/4."""
    pairs = [(f"u{u}", "a", 1.0) for u in range(8)]
    pairs += [(f"u{u}", "y", 1.0) for u in (0, 1, *range(10, 16))]
    pairs += [(f"u{u}", "b", 1.0) for u in (2, 3, 4, *range(20, 35))]
    found = near(frame(PAIRS, pairs), k=2, blocks=2)
    assert told(found)["a"] == [("b", 0.25, 3), ("y", 0.25, 2)]


@pytest.mark.parametrize("power", [-40, -17, 20])
def test_only_the_proportions_of_weights_matter(frame: Frame, power: int) -> None:
    """An item that was last wanted years ago has tiny weights and the same neighbours."""
    scaled = [(user, item, weight * 2.0**power) for user, item, weight in LITERAL]
    found = told(near(frame(PAIRS, scaled), k=2, shrinkage=1.0, min_co_users=1, blocks=2))
    assert_same(found, brute_force(LITERAL, 2, 1.0, 1))


@pytest.mark.parametrize("similarity", ["cosine", "bm25"])
def test_weights_that_add_up_to_more_than_63_bits(frame: Frame, similarity: Similarity) -> None:
    pairs = [("u0", "c", 2.0**21), *((f"u{n}", item, 2.0**21) for n in range(5) for item in "ab")]
    found = near(frame(PAIRS, pairs), k=2, blocks=1, similarity=similarity)
    whole = brute_force(pairs, 2, 0.0, 1, similarity=similarity)
    assert_same(told(found), whole, within=1e-7)


def test_weights_of_very_different_sizes(frame: Frame) -> None:
    pairs = [("u", "a", 2.0**-30), ("u", "b", 1000.0), ("v", "b", 2.0**-30), ("v", "c", 0.1)]
    found = told(near(frame(PAIRS, pairs), k=2, blocks=1))
    assert found["a"] == [("b", pytest.approx(1.0), 1)]
    assert "c" not in found  # 2**-30 beside 1000 is below half a unit


@pytest.mark.parametrize("weighted", [False, True])
def test_a_user_with_the_whole_catalogue(frame: Frame, weighted: bool) -> None:
    pairs = random_pairs(7, users=20, items=60, n=200)
    pairs = [("robot", f"i{i}", 1.0) for i in range(60)] + [
        (user, item, weight if weighted else 1.0) for user, item, weight in pairs
    ]
    found = near(frame(PAIRS, pairs), k=59, shrinkage=2.0, min_co_users=1, blocks=3)
    assert_same(told(found), brute_force(pairs, 59, 2.0, 1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("similarity", "peer"),
    [("cosine", "CosineRecommender"), ("tfidf", "TFIDFRecommender"), ("bm25", "BM25Recommender")],
)
@pytest.mark.filterwarnings("ignore:Method expects CSR input")
@pytest.mark.long
def test_equals_implicit_on_ml_1m(
    spark: SparkSession, shared_data: Any, similarity: Similarity, peer: str
) -> None:
    """K=100, weights 1: overlap at least .99 and relative differences of at most 1e-5."""
    from implicit import nearest_neighbours
    from scipy.sparse import csr_matrix

    ratings = spark.read.parquet(str(shared_data / "ml-1m" / "ratings.parquet"))
    pairs = ratings.selectExpr("string(user_id) user_id", "string(item_id) item_id", "1D weight")
    found = near(pairs, blocks=2, similarity=similarity).toPandas()
    known = pairs.toPandas()
    users, items = known.user_id.astype("category").cat, known.item_id.astype("category").cat
    matrix = csr_matrix((np.ones(len(known)), (users.codes, items.codes)))
    model = getattr(nearest_neighbours, peer)(
        K=101, num_threads=2
    )  # one more: it counts the item itself
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
        largest = max([largest, *(abs(best[i] / mine[i] - 1) for i in best.keys() & mine.keys())])
    print(f"overlap {kept / total:.5f}, largest relative difference {largest:.2e}")
    assert kept / total >= 0.99
    assert largest <= 1e-5


def test_no_column_but_the_contract(frame: Frame) -> None:
    found = near(frame(PAIRS, LITERAL), k=2, blocks=2)
    assert found.select(F.count("*")).collect()[0][0] == 7
    assert found.dtypes == [
        ("item_id", "string"), ("rank", "int"), ("neighbour_id", "string"),
        ("similarity", "double"), ("co_users", "bigint"),
    ]  # fmt: skip
