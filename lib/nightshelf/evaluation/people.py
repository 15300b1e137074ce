"""The users of a part, their lists, and what they did after and before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from nightshelf.columns import (
    ITEM,
    NEW_USER,
    POSITION,
    RANK,
    SCORE,
    SEGMENT,
    SOURCE,
    USER,
    WEIGHT,
)
from nightshelf.evaluation.facts import Facts
from nightshelf.evaluation.judged import Judged, Known, Logged
from nightshelf.evaluation.list_metrics import Ratio
from nightshelf.literals import frame_of
from nightshelf.parts import Part

BUCKETS: Final = 1_000
BITS: Final = 36
"""Values are summed as multiples of 2**-36, as integers: the same sums in any order."""
ALL: Final = "all"
NEW, KNOWN = "new", "known"

Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Outcomes:
    """What users did, and who they are.

    wanted [user_id, item_id]: after the lists were made, each pair once. shown [user_id, item_id,
    shown, clicked, bought]: how often each saw an item afterwards and what of it led to a click and
    to a purchase, each pair once. before [user_id, item_id]: wanted before, each pair once.
    segments [user_id, segment]: each pair once. logged [user_id, item_id, position, shown, weight,
    clicked]: as `relevant.logged`.
    """

    wanted: DataFrame
    shown: DataFrame | None = None
    before: DataFrame | None = None
    segments: DataFrame | None = None
    logged: DataFrame | None = None

    def frames(self) -> list[DataFrame]:
        """In the order in which they are stacked after the lists; empty ones for absent ones."""
        pairs = f"{USER} string, {ITEM} string"
        told = [
            (pairs, self.wanted),
            (f"{pairs}, shown bigint, clicked bigint, bought bigint", self.shown),
            (pairs, self.before),
            (f"{USER} string, {SEGMENT} string", self.segments),
            (
                f"{pairs}, {POSITION} int, shown bigint, {WEIGHT} double, clicked double",
                self.logged,
            ),
        ]
        spark = self.wanted.sparkSession
        return [frame_of(spark, [], schema) if frame is None else frame for schema, frame in told]


class People:
    """The users of a part, U with `__new__`, their lists and what they did."""

    def __init__(self, part: Part, facts: Facts) -> None:
        self._ids = part.ids
        self._facts = facts
        lists, self._wanted, self._shown, self._before, self._segments, self._logged = map(
            part.of, range(6)
        )
        self._lists = lists.take(np.lexsort((lists.array(RANK), lists.keys)))
        size = len(self._ids)
        is_new = pc.equal(self._ids, NEW_USER).to_numpy(zero_copy_only=False)
        self.listed = (np.bincount(lists.keys, minlength=size) > 0) & ~is_new
        self._counts = np.bincount(self._wanted.keys, minlength=size)
        self._came = np.zeros(size, bool)
        for some in (self._wanted, self._shown, self._logged):
            self._came[some.keys] = True
        self._new = np.flatnonzero(self._came & ~self.listed & ~is_new)
        self._rows, self._owner = self._shared(np.flatnonzero(is_new))

    def _shared(self, new: Longs) -> tuple[Longs, NDArray[np.int32]]:
        """Rows of the lists, and whose each is: the list for everyone else is that of each of them.

        (N,) and (N,), by user and rank.
        """
        common = np.isin(self._lists.keys, new)
        own, everyones = np.flatnonzero(~common), np.flatnonzero(common)
        rows = np.concatenate([own, np.tile(everyones, len(self._new))])
        owner = np.concatenate([self._lists.keys[own], np.repeat(self._new, len(everyones))])
        order = np.argsort(owner, kind="stable")
        return rows[order], owner[order].astype(np.int32)

    def judged(self) -> Judged:
        """The lists beside what came of them."""
        size, rows, owner = len(self._ids), self._rows, self._owner
        some = (self._lists, self._wanted, self._shown, self._before, self._logged)
        coded = pa.concat_arrays([s.column(ITEM) for s in some]).dictionary_encode()
        ends = np.cumsum([len(s) for s in some])
        item, wanted, shown, before, logged = np.split(coded.indices.to_numpy(), ends[:-1])
        place = self._facts.places(coded.dictionary)
        of_list, of_past = place[item[rows]], place[before]
        keys = _pairs(owner, item[rows])
        seen = _Seen(_pairs(self._shown.keys, shown), keys)
        return Judged(
            users=size,
            wanted=self._counts,
            owner=owner,
            rank=self._lists.array(RANK)[rows],
            hit=np.isin(keys, _pairs(self._wanted.keys, wanted)),
            score=self._lists.floats(SCORE)[rows],
            shown=seen.of(self._shown.array("shown")),
            clicked=seen.of(self._shown.array("clicked")),
            bought=seen.of(self._shown.array("bought")),
            category=self._facts.category[of_list],
            price=self._facts.price[of_list],
            popularity=self._facts.popularity[of_list],
            information=self._facts.information[of_list],
            before=Known(
                size, self._before.keys, self._facts.category[of_past], self._facts.price[of_past]
            ),
            logged=self._by_policy(logged, keys, self._lists.array(RANK)[rows]),
        )

    def _by_policy(self, item: NDArray[np.int32], keys: Longs, rank: NDArray[np.int32]) -> Logged:
        """What was logged of items (L,), beside the lists' pairs of user and item (N,)."""
        has_list = np.bincount(self._owner, minlength=len(self._ids)) > 0
        told = np.flatnonzero(has_list[self._logged.keys])
        some = self._logged.take(told)
        position = some.array(POSITION)
        return Logged(
            owner=some.keys,
            position=position,
            listed=_Seen(keys, _pairs(some.keys, item[told])).of(rank) == position,
            shown=some.array("shown").astype(np.float64),
            weight=some.array(WEIGHT),
            clicked=some.array("clicked"),
        )

    def by_source(self, sources: Sequence[str]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Each source, and which rows of the lists (N,) are from it: of some a part has none."""
        known, code = self._lists.coded(SOURCE)
        code = code[self._rows]
        for source in sources:
            place = known.index(source).as_py()
            yield source, (code == place) & (place >= 0)

    def everyone(self) -> tuple[Longs, NDArray[np.int32], list[str]]:
        """As `segments`, with `all` alone."""
        users = np.flatnonzero(self.listed | self._came)
        return users, np.zeros(len(users), np.int32), [ALL]

    def segments(self) -> tuple[Longs, NDArray[np.int32], list[str]]:
        """Pairs of a user and a segment: users (P,), codes (P,), and the segments' names."""
        users, first, _ = self.everyone()
        known = np.where(self.listed[users], 1, 2).astype(np.int32)
        own, code = self._segments.coded(SEGMENT)
        judged = np.isin(self._segments.keys, users)
        return (
            np.concatenate([users, users, self._segments.keys[judged]]),
            np.concatenate([first, known, code[judged] + 3]).astype(np.int32),
            [ALL, KNOWN, NEW, *own.to_pylist()],
        )

    def sums(
        self, source: str, pairs: tuple[Longs, NDArray[np.int32], list[str]], told: list[Ratio]
    ) -> pa.RecordBatch:
        """A row a segment and bucket that has users: the summed numerators and denominators."""
        users, code, segments = pairs
        keys = code.astype(np.int64) * BUCKETS + self.buckets()[users]
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        who, found = users[order], keys[order][starts]
        summed = {"sums": [_exact(n) for n, _ in told], "weights": [_exact(d) for _, d in told]}
        return pa.RecordBatch.from_pydict(
            {
                SOURCE: pa.array([source] * len(found), pa.string()),
                SEGMENT: pa.array(segments, pa.string()).take(pa.array(found // BUCKETS)),
                "bucket": pa.array((found % BUCKETS).astype(np.int32)),
                **{name: _rows(columns, who, starts) for name, columns in summed.items()},
            }
        )

    def buckets(self) -> Longs:
        """(U,): the bucket of each user, by a hash of the id that is the same everywhere."""
        ids = self._ids.to_numpy(zero_copy_only=False)
        hashes = pd.util.hash_array(ids, categorize=False)
        return (hashes % np.uint64(BUCKETS)).astype(np.int64)


class _Seen:
    """Looks rows of lists (N,) up among pairs of user and item that were shown (S,)."""

    def __init__(self, shown: Longs, rows: Longs) -> None:
        self._order = np.argsort(shown)
        at = np.minimum(np.searchsorted(shown, rows, sorter=self._order), max(len(shown) - 1, 0))
        self._at = at
        self._found = shown[self._order[at]] == rows if len(shown) else np.zeros(len(rows), bool)

    def of(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """(N,): the value (S,) of each row, 0 where it was not shown."""
        if not len(values):
            return np.zeros(len(self._found))
        return np.where(self._found, values[self._order[self._at]], 0).astype(np.float64)


def _pairs(users: NDArray[np.int32], items: NDArray[np.int32]) -> Longs:
    return users.astype(np.int64) << 32 | items


def _exact(values: NDArray[np.float64]) -> Longs:
    whole: Longs = np.rint(values * float(1 << BITS)).astype(np.int64)
    return whole


def _rows(columns: list[Longs], who: Longs, starts: NDArray[np.int64]) -> pa.ListArray:
    """A list a group: the sums of the columns' (U,) values of the users from each start on."""
    table = [np.add.reduceat(column[who], starts) if len(who) else column[:0] for column in columns]
    flat = np.column_stack(table).ravel() if len(table[0]) else np.empty(0, np.int64)
    ends = np.arange(len(table[0]) + 1, dtype=np.int32) * len(columns)
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(flat))
