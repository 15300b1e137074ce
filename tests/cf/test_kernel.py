"""The compiled inner loop against brute force."""

import numpy as np
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from nightshelf.cf.kernel import Scoring, block_neighbours
from nightshelf.cf.kernel import histories as rows_of
from tests.cf.oracle import Neighbours, brute_force
from tests.cf.shop import assert_same


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
    """Of any items as targets, with units and, without, by counting co-users."""
    items = np.array([i for history in histories for i in history], dtype=np.int32)
    units = np.array([w for history in histories for w in history.values()], dtype=np.int32)
    indptr = np.cumsum([0, *map(len, histories)]).astype(np.int64)
    squares = np.bincount(items, weights=units**2.0 if weighted else None, minlength=9)
    scoring = Scoring(
        factors=1 / np.sqrt(np.maximum(squares, 1)),
        users=np.bincount(items, minlength=9),
        ties=np.arange(9, dtype=np.int32),
        k=k,
        shrinkage=1.0,
        min_co_users=1,
        jaccard=False,
    )
    rows = rows_of(indptr, items.astype(np.uint16), units if weighted else None)
    found = block_neighbours(rows, np.array(sorted(targets), dtype=np.int32), scoring)
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
