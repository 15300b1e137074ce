"""The features of a part's items, from the rows that met there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from nightshelf.columns import (
    BRAND,
    CATEGORIES,
    CATEGORY,
    DS,
    ITEM,
    NUMBERS,
    PRICE,
    VECTOR,
    VECTORS,
)
from nightshelf.compiled import CACHED
from nightshelf.config.model import FeaturesConfig
from nightshelf.features.activity import (
    Asked,
    Daily,
    activity,
    decays,
    first_days,
    since_days,
)
from nightshelf.features.positions import CURVE, PLACE, PLACES
from nightshelf.parts import (
    DAY,
    Floats,
    Ints,
    Longs,
    Part,
    Some,
    Strings,
    in_batches,
    number_maps,
    offsets,
)

LAUNCH: Final = "launch_date"


@dataclass(frozen=True)
class ItemPart:
    """Makes rows of gold.item_features of a part.

    Its frames are, in order: [item_id, day, since, curve, facts], what is asked for, the facts that
    `told` names among them; [item_id, place, day, counts], the events; and, where `text_key` names
    them, [item_id, day, vector], the texts.
    """

    config: FeaturesConfig
    told: tuple[str, ...]
    text_key: str | None = None

    def __call__(self, part: Part) -> Iterator[pa.RecordBatch]:
        """The rows, by item and day."""
        some = part.of(0).ordered()
        if not len(some):
            return
        asked = Asked(some.keys, some.array(DAY))
        events = part.of(1).ordered()
        decay = decays(self.config.half_life_days, asked.days, events.array(DAY))
        daily = Daily.of(events)
        numbers = activity(asked, daily, since_days(some), self.config.windows_days, decay)
        numbers |= self._click_through(asked, some, events, numbers["click_rate"], decay)
        numbers |= _told(asked, some, daily, self.told)
        ids = part.ids.take(pa.array(asked.keys))
        categories = Strings(len(asked))
        for name, values in ((ITEM, ids), *((n, some.column(n)) for n in (CATEGORY, BRAND))):
            categories.add(name, values)
        yield from in_batches(
            {
                ITEM: ids,
                NUMBERS: number_maps(numbers),
                CATEGORIES: categories.maps(),
                VECTORS: self._vectors(asked, part),
                DS: pa.array(asked.days).cast(pa.date32()),
            }
        )

    def _vectors(self, asked: Asked, part: Part) -> pa.MapArray:
        """(N,): of each pair, the vector of the newest text up to its day."""
        if self.text_key is None:
            return _maps(np.zeros(len(asked), np.bool_), "", pa.array([], pa.list_(pa.float32())))
        texts = part.of(2).ordered()
        until = asked.rows_until(texts.keys, texts.array(DAY))
        known = until > asked.first_rows(texts.keys)
        newest = texts.column(VECTOR).take(pa.array(until[known] - 1))
        return _maps(known, self.text_key, newest)

    def _click_through(
        self, asked: Asked, some: Some, events: Some, clicks: Floats, decay: Floats
    ) -> dict[str, Floats]:
        curves, which = _curves(some)
        shown = np.flatnonzero(events.array("impression"))
        keys, days = events.keys[shown], events.array(DAY)[shown]
        bounds = np.stack([asked.first_rows(keys), asked.rows_until(keys, days)], axis=1)
        expected = _expected(
            bounds,
            asked.days,
            days,
            events.array(PLACE)[shown],
            events.array("impression")[shown],
            curves,
            which,
            decay,
        )
        prior = self.config.click_prior
        return {"click_through": (np.nan_to_num(clicks) + prior) / (expected + prior)}


def _told(asked: Asked, some: Some, daily: Daily, names: tuple[str, ...]) -> dict[str, Floats]:
    first = first_days(asked, daily.keys, daily.days)
    launch = some.floats(LAUNCH)
    return {
        "price_log": np.log(some.floats(PRICE)),
        "age_days": asked.days - np.where(np.isnan(launch), first, launch),
        **{name: some.floats(name) for name in names},
    }


def _curves(some: Some) -> tuple[Floats, Ints]:
    """The distinct curves (C, PLACES), and of each row (P,) which is its own; -1 for none."""
    lists = some.column(CURVE)
    rows = np.flatnonzero(lists.is_valid().to_numpy(zero_copy_only=False))
    _, first, code = np.unique(some.array(DAY)[rows], return_index=True, return_inverse=True)
    curves = lists.take(pa.array(rows[first])).flatten().to_numpy(zero_copy_only=False)
    which = np.full(len(some), -1, np.int32)
    which[rows] = code
    return curves.reshape(-1, PLACES), which


@njit(cache=CACHED, nogil=True)
def _expected(
    bounds: Longs,
    asked: Ints,
    days: Ints,
    places: Ints,
    shown: Ints,
    curves: Floats,
    which: Ints,
    decay: Floats,
) -> Floats:
    """(P,): decayed impressions times the click rate of their places; NaN without a curve.

    bounds (P, 2): where a pair's rows (R,) begin and end; pairs of an item follow each other.
    """
    expected = np.full(len(bounds), np.nan)
    sums, since = np.zeros(curves.shape[1]), 0
    row, begun = 0, -1
    for pair in range(len(bounds)):
        first, end = bounds[pair]
        if which[pair] < 0:
            continue
        expected[pair] = 0.0
        if first == end:
            continue
        if first != begun:
            sums[:] = 0.0
            row, begun, since = first, first, days[first]
        while row < end:
            if days[row] != since:
                sums *= decay[days[row] - since]
                since = days[row]
            sums[places[row]] += shown[row]
            row += 1
        curve, total = curves[which[pair]], 0.0
        for n in range(len(sums)):
            total += sums[n] * curve[n]
        expected[pair] = total * decay[asked[pair] - since]
    return expected


def _maps(known: NDArray[np.bool_], key: str, values: pa.Array) -> pa.MapArray:
    """(N,): maps of one entry, `key`, in the rows that are known; empty ones in the others."""
    keys = pa.array([key] * len(values), pa.string())
    return pa.MapArray.from_arrays(offsets(known.astype(np.int64)), keys, values)
