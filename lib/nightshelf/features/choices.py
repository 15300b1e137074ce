"""What negatives are drawn from: the items, their popularity day by day, their neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, ITEM, NEIGHBOUR
from nightshelf.config import FeedbackConfig
from nightshelf.exact import exact_sum
from nightshelf.features.draws import Hashes, Longs, Shelf
from nightshelf.feedback import positive_events
from nightshelf.tables.hashing import string_hashes

EPOCH: Final = date(1970, 1, 1)

Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Around:
    """What draws depend on besides the events.

    items [item_id, known_since DATE, repeatable BOOLEAN]: the catalogue; items that only events
    name need not be in it. neighbours [item_id, neighbour_id]: built from the days before the first
    label day. half_life_days: of popularity. recent: newest items of a user whose neighbours are
    hard negatives. bought_types: events after which a user has the item.
    """

    items: DataFrame
    neighbours: DataFrame
    half_life_days: float
    recent: int
    bought_types: Sequence[str]


@dataclass(frozen=True)
class Choices:
    """The shelf with its items' ids (I,), and by_hash (I,), the order of their hashes."""

    ids: pa.Array
    by_hash: Longs
    shelf: Shelf

    def places(self, hashes: Hashes) -> Ints:
        """(N,): the place of each item by its hash; -1 for others."""
        return places(self.shelf.hashes, self.by_hash, hashes)


def places(known: Hashes, order: Longs, hashes: Hashes) -> Ints:
    """(N,): the place of each hash among the known (I,), which `order` sorts; -1 for others."""
    if not len(known):
        return np.full(len(hashes), -1, np.int32)
    at = np.searchsorted(known, hashes, sorter=order)
    found = order[np.minimum(at, len(known) - 1)]
    return np.where(known[found] == hashes, found, -1).astype(np.int32)


def choices_of(
    events: DataFrame, feedback: FeedbackConfig, around: Around, first: date, ds: date
) -> Choices:
    """Collects what the label days from `first` to `ds` draw from.

    events: those of items, up to ds. An item is known from its first event, or from the day that
    the catalogue says, whichever is earlier.
    """
    before = first - timedelta(days=1)
    seen = events.groupBy(ITEM).agg(F.min(DS).alias("seen"))
    known = (
        seen.join(around.items.select(ITEM, "known_since", "repeatable"), ITEM, "full")
        .select(
            ITEM,
            F.datediff(F.least("seen", "known_since"), F.lit(EPOCH)).alias("since"),
            F.coalesce("repeatable", F.lit(False)).alias("repeatable"),
        )
        .where(F.col("since").isNotNull())
        .toArrow()
        .sort_by([("since", "ascending"), (ITEM, "ascending")])
        .combine_chunks()
    )
    wanted = events.transform(positive_events(feedback.weights, feedback.positive_rating))
    day = F.greatest(DS, F.lit(before))
    faded = F.pow(F.lit(2.0), F.datediff(F.col(DS), day) / around.half_life_days)
    counts = (
        wanted.groupBy(ITEM, F.datediff(day, F.lit(before)).alias("n"))
        .agg(exact_sum(faded).alias("mass"))
        .toArrow()
    )
    return _arranged(
        known,
        counts,
        around.neighbours.select(ITEM, NEIGHBOUR).toArrow(),
        (first - EPOCH).days,
        (ds - first).days + 1,
        around.half_life_days,
    )


def _arranged(
    known: pa.Table, counts: pa.Table, pairs: pa.Table, first: int, days: int, half_life: float
) -> Choices:
    ids = _whole(known.column(ITEM))
    since = known.column("since").to_numpy()
    hashes = string_hashes(ids)
    by_hash = np.argsort(hashes, kind="stable")

    def place(column: pa.ChunkedArray) -> Ints:
        return places(hashes, by_hash, string_hashes(_whole(column)))

    mass = np.zeros((days, max(len(ids), 1)))
    day, item = counts.column("n").to_numpy(), place(counts.column(ITEM))
    is_used = day < days
    mass[day[is_used], item[is_used]] = counts.column("mass").to_numpy()[is_used]
    for n in range(1, days):
        mass[n] += mass[n - 1] * 2.0 ** (-1.0 / half_life)
    item, neighbour = (place(column) for column in pairs.columns)
    is_told = (item >= 0) & (neighbour >= 0)
    item, neighbour = item[is_told], neighbour[is_told]
    lengths = np.bincount(item, minlength=len(ids))
    shelf = Shelf(
        hashes=hashes,
        repeatable=known.column("repeatable").to_numpy(),
        first=first,
        known=np.searchsorted(since, first + np.arange(days)).astype(np.int32),
        mass=np.cumsum(mass, axis=1),
        nearby=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        neighbours=neighbour[np.lexsort((neighbour, item))],
    )
    return Choices(ids, by_hash, shelf)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # without a row there is no chunk to combine
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], pa.string())
    return whole.cast(pa.string())
