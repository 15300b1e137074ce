"""How much of what was wanted two towers find, and how much popularity does.

Letters: P positives, I items of a split, K numbers of a tower's vector.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nightshelf.columns import ITEM
from nightshelf.ctr.encoder import Encoder
from nightshelf.ctr.judging import own_rows
from nightshelf.ctr.trained import Singles, Trained
from nightshelf.errors import ConfigError, DataQualityError
from nightshelf.fields import Inputs, Rows
from nightshelf.learning.distributed import Ranks
from nightshelf.learning.reader import unwatched
from nightshelf.learning.storage import Folder

JUDGED: Final = 50_000
"""Positives of a split that are looked for, at most."""

SCORES: Final = 1 << 24
"""Of users for items, about so many are in memory at once."""

Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Popularity:
    """How often each id of an item is among the positives of the training set.

    counts (ids,), rows: all rows of the training set, place: the item's among categorical fields.
    """

    counts: Longs
    rows: int
    place: int

    @staticmethod
    def of(train: Folder, inputs: Inputs, ranks: Ranks) -> "Popularity":
        """Counted in the files of all ranks. Raises DataQualityError without any positive."""
        place = item_place(inputs)
        size = inputs.categorical[place].size
        counts, rows = np.zeros(size, np.int64), 0
        label = inputs.label_columns[0]
        files = [name for name in train.names() if name.endswith(".parquet")]
        for name in files[ranks.rank :: ranks.size]:
            with train.open(name) as file:
                told = pq.read_table(file, columns=[ITEM, label])
            wanted = told[ITEM].to_numpy()[told[label].to_numpy() > 0]
            counts += np.bincount(wanted, minlength=size)
            rows += len(told)
        counts = ranks.gathered(counts).reshape(-1, size).sum(0)
        if not counts.any():
            raise DataQualityError(
                f"{train.uri}: no row with {label} = 1, of which two towers could learn; build the "
                "samples of more days"
            )
        return Popularity(counts, int(ranks.gathered(np.array([rows])).sum()), place)

    @cached_property
    def log_q(self) -> NDArray[np.float32]:
        """(ids,): the log of the share of the positives; an id without any counts as having one."""
        shares = np.maximum(self.counts, 1) / self.counts.sum()
        return np.asarray(np.log(shares), np.float32)


def judged(
    model: Trained, split: Folder, popularity: Popularity, k: int, ranks: Ranks
) -> dict[str, float]:
    """recall, popular_recall, positives, items: of a split, over all ranks.

    recall: the share of the split's positives whose item is among the k that the towers find best
    for its user, of all items that the split's rows name; each as its first row has it. Of very
    many positives, the first `JUDGED` count. popular_recall: likewise, of the k that were wanted
    most in the training set. Ties go to the smaller id. Rare items that share an id are one item.
    """
    encoder, place = Encoder(model), popularity.place
    size = model.inputs.categorical[place].size
    items: list[Rows] = []
    users: list[Singles] = [np.empty((0, encoder.network.width), np.float32)]
    wanted: list[Longs] = [np.empty(0, np.int64)]
    left = -(-JUDGED // ranks.size)
    known = np.zeros(size, np.bool_)
    for rows in own_rows(model.inputs, split, ranks):
        ids, first = np.unique(rows.ids[:, place], return_index=True)
        new = first[~known[ids]]
        items.append(rows.take(new))
        known[ids] = True
        positives = np.flatnonzero(rows.labels[:, 0] > 0)[:left]
        left -= len(positives)
        users.append(encoder.users(rows.take(positives)))
        wanted.append(rows.ids[positives, place].astype(np.int64))
    own_ids = np.concatenate([np.empty(0, np.int64), *(some.ids[:, place] for some in items)])
    ids, first = np.unique(ranks.gathered(own_ids.astype(np.int64)), return_index=True)
    own_vectors = [users[0]]
    for some in items:
        ranks.sign()
        own_vectors.append(encoder.items(some))
    vectors = ranks.gathered(np.concatenate(own_vectors))[first]
    at = np.searchsorted(ids, np.concatenate(wanted))
    found = places(np.concatenate(users), vectors, at, ranks.sign)
    popular = np.empty(len(ids), np.int64)
    popular[np.lexsort((ids, -popularity.counts[ids]))] = np.arange(len(ids))
    hits, popular_hits = ranks.gathered(found) < k, ranks.gathered(popular[at]) < k
    return {
        "recall": float(hits.mean()) if len(hits) else 0.0,
        "popular_recall": float(popular_hits.mean()) if len(hits) else 0.0,
        "positives": float(len(hits)),
        "items": float(len(ids)),
    }


def places(
    users: Singles, items: Singles, wanted: Longs, sign: Callable[[], None] = unwatched
) -> Longs:
    """(P,): how many of the items (I, K) are better than the wanted one for each user (P, K).

    wanted (P,): places among the items. An item as good and before the wanted one is better. sign:
    called for each block of users.
    """
    found = np.empty(len(users), np.int64)
    order = np.arange(len(items))
    at_once = max(1, SCORES // max(1, len(items)))
    for start in range(0, len(users), at_once):
        sign()
        some = slice(start, start + at_once)
        scores, own = users[some] @ items.T, wanted[some, None]
        score = np.take_along_axis(scores, own, axis=1)
        found[some] = ((scores > score) | ((scores == score) & (order < own))).sum(1)
    return found


def item_place(inputs: Inputs) -> int:
    """The place of the item's id among the categorical fields. Raises ConfigError without it."""
    if ITEM not in inputs.categorical_columns:
        raise ConfigError(
            f"features.fields: two towers tell items apart by the item's '{ITEM}': declare it, or "
            "set towers.enabled false"
        )
    return inputs.categorical_columns.index(ITEM)
