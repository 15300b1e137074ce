"""The lists of some users beside what those users wanted, as arrays.

Letters: U users; N rows of lists, by user and rank; H rows of what users wanted before.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """What is known of the items of rows: category (…,) a code or -1, price (…,) or NaN.

    users: how many there are; owner (…,) which of them a row is of.
    """

    users: int
    owner: Ints
    category: Ints
    price: Floats

    @cached_property
    def category_shares(self) -> tuple[Longs, Floats, Bools]:
        """Sorted keys of (user, category), the share of each among the user's; and who has any."""
        placed = self.category >= 0
        keys = self.owner[placed].astype(np.int64) << 32 | self.category[placed]
        found, counts = np.unique(keys, return_counts=True)
        total = np.bincount(self.owner[placed], minlength=self.users)
        return found, counts / total[found >> 32], total > 0

    @cached_property
    def mean_log_price(self) -> tuple[Floats, Bools]:
        """(U,), (U,): the mean logarithm of the user's prices, 0 without any; and who has any."""
        told = ~np.isnan(self.price)
        counts = np.bincount(self.owner[told], minlength=self.users)
        sums = np.bincount(self.owner[told], np.log(self.price[told]), self.users)
        return sums / np.maximum(counts, 1), counts > 0


@dataclass(frozen=True)
class Logged:
    """L kinds of impressions by a policy that tells with which probability it showed what.

    owner (L,) who saw them; position (L,) from 1; listed (L,) whether the owner's list has the item
    at that rank; shown (L,) how many; weight, clicked (L,) sums of one by the probability, over
    impressions and over clicks. Of users with a list.
    """

    owner: Ints
    position: Ints
    listed: Bools
    shown: Floats
    weight: Floats
    clicked: Floats

    def per_user(self, values: Floats, rows: Bools, users: int) -> Floats:
        """(U,): the sums of values (L,) over some rows (L,)."""
        return np.bincount(self.owner[rows], values[rows], users).astype(np.float64)


@dataclass(frozen=True)
class Judged:
    """Lists and what came of them.

    users: U. wanted (U,): how many items each wanted after the lists were made. owner (N,) whose
    list a row is in; rank (N,) from 1; hit (N,) whether the owner wanted it; score (N,); shown,
    clicked, bought (N,): how often the owner saw the item afterwards, and whether that led to a
    click and a purchase, in as many cases. category, price, popularity, information (N,) as
    `Facts`. before: what the users wanted before. logged: what they saw by a known policy.
    """

    users: int
    wanted: Longs
    owner: Ints
    rank: Ints
    hit: Bools
    score: Floats
    shown: Floats
    clicked: Floats
    bought: Floats
    category: Ints
    price: Floats
    popularity: Ints
    information: Floats
    before: Known
    logged: Logged

    def where(self, rows: Bools) -> "Judged":
        """Only some rows (N,) of the lists."""
        names = (
            "owner", "rank", "hit", "score", "shown", "clicked", "bought", "category", "price",
            "popularity", "information",
        )  # fmt: skip
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    @property
    def items(self) -> Known:
        """What is known of the rows."""
        return Known(self.users, self.owner, self.category, self.price)

    def up_to(self, k: int) -> "Judged":
        """Lists of length k."""
        return self.where(self.rank <= k)

    def per_user(self, values: NDArray[np.generic] | None = None) -> Floats:
        """(U,): the sum of the rows' values (N,); their number without."""
        weights = None if values is None else values.astype(np.float64)
        return np.bincount(self.owner, weights, self.users).astype(np.float64)
