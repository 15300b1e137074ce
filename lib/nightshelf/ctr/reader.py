"""Reads training sets through Petastorm: the only module that imports it.

Petastorm deals row groups to ranks and reads them in shuffled order in threads; its own shuffling
queue draws from a global generator, so rows are shuffled here, by window, from the seed alone: a
training that goes on after a break sees the rows that it would have seen.

Two habits of Petastorm 0.13 are kept away. It takes the results of several threads in an order that
hangs on which was started first: one thread reads, which is many times faster than training. And a
reader of one epoch may end before its first row group, when the list of them is handed out between
two looks at it: readers here go on for ever, and are stopped after the row groups that there are.
"""

import logging
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from petastorm import make_batch_reader

from nightshelf.fields import USER_COLUMN, WEIGHT_COLUMN, Inputs, Rows
from nightshelf.learning.storage import Folder

WINDOW_ROWS: Final = 1 << 17
"""About so many rows are shuffled among each other."""


@dataclass(frozen=True)
class Shard:
    """The part of a training set that one rank reads."""

    folder: Folder
    inputs: Inputs
    rank: int = 0
    ranks: int = 1

    def groups(self) -> int:
        """How many row groups, each a file, the shard has."""
        files = [name for name in self.folder.names() if name.endswith(".parquet")]
        return len(files[self.rank :: self.ranks])

    def batches(self, sizes: Iterable[int], order: int | None) -> Iterator[Rows]:
        """Batches of the sizes given; shuffled by the seed `order` > 0, else as they lie."""
        source = self._windows(order)
        held, start = next(source), 0
        for size in sizes:
            while start + size > len(held):
                rest = held.take(slice(start, None))
                held, start = _joined([rest, next(source)]), 0
            yield held.take(slice(start, start + size))
            start += size

    def _windows(self, order: int | None) -> Iterator[Rows]:
        generator = np.random.default_rng(order)
        for window in self._gathered(order):
            yield window if order is None else window.take(generator.permutation(len(window)))

    def _gathered(self, order: int | None) -> Iterator[Rows]:
        gathered: list[Rows] = []
        for group in self._groups(order):
            gathered.append(group)
            if sum(map(len, gathered)) >= WINDOW_ROWS:
                yield _joined(gathered)
                gathered = []
        if gathered:
            yield _joined(gathered)

    def _groups(self, order: int | None) -> Iterator[Rows]:
        _quieten()
        reader = make_batch_reader(
            self.folder.url,
            reader_pool_type="thread",
            workers_count=1,
            shuffle_row_groups=order is not None,
            seed=order,
            num_epochs=None,
            cur_shard=self.rank,
            shard_count=self.ranks,
        )
        try:
            for group in islice(reader, self.groups()):
                yield encoded(group._asdict(), self.inputs)
        finally:
            reader.stop()
            reader.join()


def encoded(columns: dict[str, Any], inputs: Inputs) -> Rows:
    """The columns of a row group as `Rows`."""
    return Rows(
        ids=_beside(columns, inputs.categorical_columns, np.int32),
        numbers=_beside(columns, inputs.numeric_columns, np.float32),
        history=_beside(columns, inputs.history_columns, np.int32),
        vectors=_beside(columns, inputs.vector_columns, np.float32),
        labels=_beside(columns, inputs.label_columns, np.float32),
        weights=np.asarray(columns[WEIGHT_COLUMN], np.float32),
        users=np.asarray(columns[USER_COLUMN], np.int64),
    )


def _beside(columns: dict[str, Any], names: tuple[str, ...], dtype: type[Any]) -> NDArray[Any]:
    """(B, C): the columns side by side; (B, 0) of none."""
    beside = np.empty((len(columns[USER_COLUMN]), len(names)), dtype)
    for place, name in enumerate(names):
        beside[:, place] = columns[name]
    return beside


def _joined(some: list[Rows]) -> Rows:
    if len(some) == 1:
        return some[0]
    return Rows(
        *(np.concatenate(arrays) for arrays in zip(*(r.arrays() for r in some), strict=True))
    )


def _quieten() -> None:
    """Turns off Petastorm's warnings that interfaces of its own libraries will go."""
    logging.getLogger("petastorm").setLevel(logging.ERROR)
    for category in (FutureWarning, DeprecationWarning):
        warnings.filterwarnings("ignore", category=category, module="petastorm")
