"""Reads training sets through Petastorm: the only module that imports it.

Petastorm deals row groups to ranks and reads them in shuffled order in threads; its own shuffling
queue draws from a global generator, so rows are shuffled here, by window, from the seed alone: a
training that goes on after a break sees the rows that it would have seen.

Two habits of Petastorm 0.13 are kept away. It takes the results of several threads in an order that
hangs on which was started first: one thread reads, which is many times faster than training. And a
reader of one epoch may end before its first row group, when the list of them is handed out between
two looks at it: readers here go on for ever, and are stopped after the row groups that there are.
"""

import atexit
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final, Generic, Protocol, Self, TypeVar

import numpy as np
from petastorm import make_batch_reader

from nightshelf.learning.ahead import Ahead
from nightshelf.learning.distributed import Ranks
from nightshelf.learning.plan import group_rows
from nightshelf.learning.storage import Folder

WINDOW_ROWS: Final = 1 << 17
"""About so many rows are shuffled among each other."""


class Table(Protocol):
    """Rows of a training set, as arrays behind each other."""

    def __len__(self) -> int:
        """How many."""

    def take(self, rows: Any, /) -> Self:
        """Some of them: a slice, or their places."""

    @classmethod
    def joined(cls, some: Sequence[Self], /) -> Self:
        """The rows of several tables behind one another."""


T = TypeVar("T", bound=Table)


def unwatched() -> None:
    """A sign of life that nobody waits for."""


@dataclass(frozen=True)
class Shard(Generic[T]):
    """The part of a training set that one rank reads.

    decode: the columns of a row group, by name -> its rows. sign: called for each file that is
    copied from elsewhere, which may take long.
    """

    folder: Folder
    decode: Callable[[dict[str, Any]], T]
    rank: int = 0
    ranks: int = 1
    sign: Callable[[], None] = unwatched

    def batches(self, sizes: Iterable[int], order: int | None) -> Iterator[T]:
        """Batches of the sizes given; shuffled by the seed `order` > 0, else as they lie."""
        source = iter(Ahead(self._windows(order), depth=1))
        held, start = next(source), 0
        for size in sizes:
            while start + size > len(held):
                rest = held.take(slice(start, None))
                held, start = held.joined([rest, next(source)]), 0
            yield held.take(slice(start, start + size))
            start += size

    def _windows(self, order: int | None) -> Iterator[T]:
        generator = np.random.default_rng(order)
        for window in self._gathered(order):
            yield window if order is None else window.take(generator.permutation(len(window)))

    def _gathered(self, order: int | None) -> Iterator[T]:
        gathered: list[T] = []
        for group in self._groups(order):
            gathered.append(group)
            if sum(map(len, gathered)) >= WINDOW_ROWS:
                yield gathered[0].joined(gathered)
                gathered = []
        if gathered:
            yield gathered[0].joined(gathered)

    def _groups(self, order: int | None) -> Iterator[T]:
        _quieten()
        folder, rank, ranks = self.folder, self.rank, self.ranks
        if not folder.is_local:
            folder, rank, ranks = _copied(folder, rank, ranks, self.sign), 0, 1
        reader = make_batch_reader(
            folder.url,
            reader_pool_type="thread",
            workers_count=1,
            shuffle_row_groups=order is not None,
            seed=order,
            num_epochs=None,
            cur_shard=rank,
            shard_count=ranks,
        )
        try:
            for group in islice(reader, len(_files(folder, rank, ranks))):
                yield self.decode(group._asdict())
        finally:
            reader.stop()
            reader.join()


def _files(folder: Folder, rank: int, ranks: int) -> list[str]:
    """A shard's files, each a row group."""
    files = [name for name in folder.names() if name.endswith(".parquet")]
    return files[rank::ranks]


def _copied(folder: Folder, rank: int, ranks: int, sign: Callable[[], None]) -> Folder:
    """A shard's files in a folder of this machine that is there as long as the process.

    The local one is the only file system that both Petastorm and this Arrow know; and what is read
    from elsewhere is read once, not each epoch.
    """
    copy = _place(folder, rank, ranks)
    there = copy.names()
    for name in _files(folder, rank, ranks):
        if name not in there:
            copy.write(name, folder.read(name))
            sign()
    return copy


@cache
def _place(folder: Folder, rank: int, ranks: int) -> Folder:
    """An empty folder for a shard's copy."""
    place = mkdtemp(prefix="nightshelf-shard-")
    atexit.register(rmtree, place, ignore_errors=True)
    return Folder(place)


def own_share(
    folder: Folder,
    decode: Callable[[dict[str, Any]], T],
    ranks: Ranks,
    *,
    at_once: int,
    most: int | None = None,
) -> Iterator[T]:
    """The rank's share of the rows of a split, or of about `most` of them, as they lie."""
    groups = group_rows(folder)
    if ranks.rank >= len(groups):
        return
    mine = sum(groups[ranks.rank :: ranks.size])
    if most is not None:
        mine = min(mine, -(-most // ranks.size))
    sizes = [min(at_once, mine - start) for start in range(0, mine, at_once)]
    own = Shard(folder, decode, ranks.rank, min(ranks.size, len(groups)), ranks.sign)
    for rows in own.batches(sizes, None):
        ranks.sign()
        yield rows


def _quieten() -> None:
    """Turns off Petastorm's warnings that interfaces of its own libraries will go."""
    logging.getLogger("petastorm").setLevel(logging.ERROR)
    for category in (FutureWarning, DeprecationWarning):
        warnings.filterwarnings("ignore", category=category, module="petastorm")
