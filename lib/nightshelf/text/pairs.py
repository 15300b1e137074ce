"""Rows of a training set of texts: their tokens, a label and a weight.

Letters: N rows, S texts a row (1 where a query and an item are one text to the model, 2 where each
is a text of its own), L tokens of a text.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nightshelf.learning.plan import Plan
from nightshelf.learning.reader import Shard, unwatched
from nightshelf.learning.storage import Folder
from nightshelf.text.batches import Batch, Tokens

Ints = NDArray[np.int32]
IDS, TYPES, LENGTHS = "ids", "types", "lengths"
LABEL, WEIGHT, GROUP, DRAWN = "label", "weight", "group", "drawn"
STEPS_SORTED: Final = 32
"""Batches of so many steps are cut from rows sorted by length, so that little is padding."""


@dataclass(frozen=True)
class Pairs:
    """ids and types (N, S, L), lengths (N, S); labels, weights, groups and items (N,).

    labels from 0 to 1; groups and items are hashes of the query and the item.
    """

    ids: Ints
    types: Ints
    lengths: Ints
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]
    groups: NDArray[np.int64]
    items: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[Any] | slice) -> "Pairs":
        """The rows at the places."""
        return Pairs(*(array[rows] for array in vars(self).values()))

    @classmethod
    def joined(cls, some: "Sequence[Pairs]") -> "Pairs":
        """The rows of several behind one another."""
        if len(some) == 1:
            return some[0]
        columns = zip(*(vars(own).values() for own in some), strict=True)
        return cls(*(np.concatenate(arrays) for arrays in columns))

    def batch(self, text: int) -> Batch:
        """The rows' texts of one place, no longer than the longest."""
        lengths = self.lengths[:, text]
        longest = int(lengths.max(initial=1))
        mask = np.arange(longest)[None, :] < lengths[:, None]
        ids, types = (a[:, text, :longest].astype(np.int64) for a in (self.ids, self.types))
        return Batch(np.arange(len(self)), ids, mask.astype(np.int64), types)


def decoded(columns: dict[str, Any]) -> Pairs:
    """The columns of a row group as `Pairs`."""
    lengths = np.asarray(columns[LENGTHS], np.int32)
    shape = (len(lengths), lengths.shape[1], -1)
    return Pairs(
        np.asarray(columns[IDS], np.int32).reshape(shape),
        np.asarray(columns[TYPES], np.int32).reshape(shape),
        lengths,
        np.asarray(columns[LABEL], np.float32),
        np.asarray(columns[WEIGHT], np.float32),
        np.asarray(columns[GROUP], np.int64),
        np.asarray(columns[DRAWN], np.int64),
    )


def columns(texts: Sequence[Tokens], most: int, padding: int) -> dict[str, pa.Array]:
    """ids, types and lengths of rows of `texts`, each text padded to `most` tokens.

    Lists of one length, which Petastorm can read.
    """
    rows, count = len(texts[0].ids), len(texts)
    ids = np.full((rows, count, most), padding, np.int32)
    types = np.zeros((rows, count, most), np.int32)
    lengths = np.zeros((rows, count), np.int32)
    for place, tokens in enumerate(texts):
        lengths[:, place] = [len(own) for own in tokens.ids]
        mask = np.arange(most)[None, :] < lengths[:, place, None]
        if rows:
            ids[:, place][mask] = np.concatenate(list(tokens.ids))
            if tokens.types is not None:
                types[:, place][mask] = np.concatenate(list(tokens.types))
    return {IDS: _lists(ids), TYPES: _lists(types), LENGTHS: _lists(lengths)}


def _lists(rows: NDArray[np.int32]) -> pa.Array:
    flat = rows.reshape(len(rows), -1)
    values = pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), flat.shape[1])
    return values.cast(pa.list_(pa.int32()))


def batches(shard: Shard[Pairs], plan: Plan, order: int) -> Iterator[Pairs]:
    """The rank's batches of an epoch, one a step, each of texts of about one length."""
    sizes = list(plan.sizes(shard.rank))
    windows = [sizes[n : n + STEPS_SORTED] for n in range(0, len(sizes), STEPS_SORTED)]
    source = shard.batches([sum(own) for own in windows], order)
    generator = np.random.default_rng([order, shard.rank])
    for own, rows in zip(windows, source, strict=True):
        ordered = rows.take(np.argsort(rows.lengths.sum(1), kind="stable"))
        steps = generator.permutation(len(own))
        ends = np.cumsum([own[step] for step in steps])
        cut = {step: slice(end - own[step], end) for step, end in zip(steps, ends, strict=True)}
        for step in range(len(own)):
            yield ordered.take(cut[step])


def shard(
    folder: Folder, rank: int = 0, ranks: int = 1, sign: Callable[[], None] = unwatched
) -> Shard[Pairs]:
    """The part of a split that one rank reads."""
    return Shard(folder, decoded, rank, ranks, sign)
