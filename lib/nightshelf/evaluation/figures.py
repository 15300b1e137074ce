"""Lists against what users did -> sums by segment and bucket of users, of which means are made.

One shuffle brings together all that concerns a user. Users fall into `BUCKETS` by a hash of their
ids, and only sums of buckets leave a task: what comes after costs the same for any number of users,
and two models that are judged by the same users can be compared bucket by bucket.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StructField, StructType

from nightshelf.columns import ITEM, NEW_USER, RANK, SCORE, SEGMENT, SOURCE, USER, WEIGHT, Transform
from nightshelf.evaluation.facts import NO_FACTS, Facts
from nightshelf.evaluation.judged import Judged
from nightshelf.evaluation.list_metrics import METRICS, Ratio
from nightshelf.evaluation.people import ALL, BUCKETS, KNOWN, NEW, Outcomes, People
from nightshelf.parts import Part, by_part, in_batches
from nightshelf.tables.contract import BIGINT, DOUBLE, INT, STRING

SUMS: Final = StructType(
    [
        StructField(SOURCE, STRING),
        StructField(SEGMENT, STRING),
        StructField("bucket", INT),
        StructField("sums", ArrayType(BIGINT)),
        StructField("weights", ArrayType(BIGINT)),
    ]
)
SCORED: Final = StructType(
    [
        StructField(SEGMENT, STRING),
        StructField("bucket", INT),
        StructField(SCORE, DOUBLE),
        StructField("label", DOUBLE),
        StructField(WEIGHT, DOUBLE),
    ]
)
OF_SOURCE: Final = ("share", "precision", "click_through", "conversion")
"""What is told of the rows of each source."""
OF_USER: Final = ("precision", "recall", "hit_rate", "ndcg", "map")
"""What is told of single users."""

Longs = NDArray[np.int64]
OfShown = Literal["clicked", "bought"]


def names(ks: Sequence[int], source: str = ALL) -> list[str]:
    """The metrics of a row of sums, in order."""
    metrics = METRICS if source == ALL else OF_SOURCE
    return [f"{metric}@{k}" for k in ks for metric in metrics]


def are_paired(ks: Sequence[int], source: str = ALL) -> list[bool]:
    """Which of `names(ks, source)` two lists have over the same users and impressions."""
    if source == ALL:
        return [not metric.own for _ in ks for metric in METRICS.values()]
    return [name == "share" for _ in ks for name in OF_SOURCE]


def figures(outcomes: Outcomes, facts: Broadcast[Facts], ks: Sequence[int]) -> Transform:
    """[user_id, item_id, rank, score, source] lists -> [source, segment, bucket, sums, weights].

    Numerators and denominators of `names(ks, source)`, multiples of 2**-BITS. Each user is in the
    segments `all`, `known` or `new`, and their own. Users who wanted or saw something and have no
    list are judged by that of `__new__`, and are `new`; beyond them nobody is judged by it. The
    lists' sources are read at once: all users count for each, also those who have nothing from it.
    """

    def make(part: Part, sources: Sequence[str]) -> Iterator[pa.RecordBatch]:
        people = People(part, facts.value)
        lists = people.judged()
        told = [METRICS[name].of(lists.up_to(k), k) for k in ks for name in METRICS]
        yield people.sums(ALL, people.segments(), told)
        for source, rows in people.by_source(sources):
            some = [lists.where(rows).up_to(k) for k in ks]
            told = [r for k, of in zip(ks, some, strict=True) for r in _of_source(lists, of, k)]
            yield people.sums(source, people.everyone(), told)

    def transform(lists: DataFrame) -> DataFrame:
        frames = [_listed(lists), *outcomes.frames()]
        task = partial(make, sources=_sources(lists))
        return by_part(frames, USER, task, SUMS, everywhere=NEW_USER)

    return transform


def scored(
    outcomes: Outcomes, facts: Broadcast[Facts], of_shown: OfShown | None, share: float = 1.0
) -> Transform:
    """[user_id, item_id, rank, score, source] lists -> [segment, bucket, score, label, weight].

    A row of a list and segment of its user, label 1 where the user wanted the item. Of users with a
    list of their own, since no model scored that of `__new__`, who wanted anything. With `of_shown`
    of the rows that users saw: weight, how often; label, the share of these that led to a click or
    to a purchase, whichever scores are the probability of. Of a share of the buckets alone where
    there are too many rows.
    """

    def make(part: Part) -> Iterator[pa.RecordBatch]:
        people = People(part, facts.value)
        lists = people.judged()
        judged = lists.shown > 0 if of_shown else lists.wanted[lists.owner] > 0
        lists = lists.where(judged & people.listed[lists.owner])
        weight = lists.shown if of_shown else np.ones(len(lists.owner))
        label = getattr(lists, of_shown) / lists.shown if of_shown else lists.hit
        users, code, segments = people.segments()
        chosen = people.buckets()[users] < share * BUCKETS
        rows, pair = _joined(lists.owner, users[chosen], lists.users)
        yield from in_batches(
            {
                SEGMENT: pa.array(segments, pa.string()).take(pa.array(code[chosen][pair])),
                "bucket": pa.array(people.buckets()[lists.owner[rows]].astype(np.int32)),
                SCORE: pa.array(lists.score[rows]),
                "label": pa.array(label[rows].astype(np.float64)),
                WEIGHT: pa.array(weight[rows].astype(np.float64)),
            }
        )

    told = replace(outcomes, before=None, logged=None)  # of which nothing is asked here
    return lambda lists: by_part([_listed(lists), *told.frames()], USER, make, SCORED)


def user_metrics(wanted: DataFrame, ks: Sequence[int]) -> Transform:
    """[user_id, item_id, rank] lists -> one row a judged user: [user_id, segment, <metric>@<k> …].

    The metrics of OF_USER. `wanted` [user_id, item_id] holds each pair once. A user without a list
    is judged by that of `__new__` and is in the segment `new`, everyone else in `known`.
    """
    columns = [f"{metric}@{k}" for k in ks for metric in OF_USER]

    def make(part: Part) -> Iterator[pa.RecordBatch]:
        people = People(part, NO_FACTS)
        lists = people.judged()
        some = np.flatnonzero(lists.wanted > 0)
        told = [METRICS[name].of(lists.up_to(k), k)[0][some] for k in ks for name in OF_USER]
        yield from in_batches(
            {
                USER: part.ids.take(pa.array(some)),
                SEGMENT: pa.array(np.where(people.listed[some], KNOWN, NEW), pa.string()),
                **dict(zip(columns, map(pa.array, told), strict=True)),
            }
        )

    strings = [StructField(name, STRING) for name in (USER, SEGMENT)]
    schema = StructType([*strings, *(StructField(name, DOUBLE) for name in columns)])
    frames = Outcomes(wanted).frames()
    return lambda lists: by_part([_listed(lists), *frames], USER, make, schema, everywhere=NEW_USER)


def _sources(lists: DataFrame) -> list[str]:
    if SOURCE not in lists.columns:
        return []
    told = lists.where(F.col(SOURCE).isNotNull()).select(SOURCE).distinct()
    return sorted(row[0] for row in told.collect())


def _listed(lists: DataFrame) -> DataFrame:
    """[user_id, item_id, rank, score, source]; null where lists do not tell."""
    optional = ((SCORE, "double"), (SOURCE, "string"))
    absent = {name: F.lit(None).cast(kind) for name, kind in optional if name not in lists.columns}
    return lists.withColumns(absent).select(USER, ITEM, RANK, SCORE, SOURCE)


def _joined(
    owner: NDArray[np.int32], users: Longs, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of rows (N,) and of pairs (P,): each row with each pair of its user."""
    order = np.argsort(users, kind="stable")
    starts = np.searchsorted(users[order], np.arange(size + 1))
    counts = np.diff(starts)[owner]
    rows = np.repeat(np.arange(len(owner)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, order[starts[owner[rows]] + within]


def _of_source(lists: Judged, some: Judged, k: int) -> Iterator[Ratio]:
    """As OF_SOURCE: of the rows of a source among the first k of the lists."""
    rows = some.per_user()
    yield rows, lists.up_to(k).per_user()
    judged = np.where(some.wanted > 0, rows, 0.0)
    yield np.where(some.wanted > 0, some.per_user(some.hit), 0.0), judged
    yield METRICS["click_through"].of(some, k)
    yield METRICS["conversion"].of(some, k)
