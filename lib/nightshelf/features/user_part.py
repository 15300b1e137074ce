"""The features of a part's users, from the rows that met there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from nightshelf.columns import (
    ATTRIBUTES,
    BRAND,
    CATEGORIES,
    CATEGORY,
    DS,
    EVENT_TS,
    EVENT_TYPE,
    EVENT_TYPES,
    ITEM,
    LOVED_BRANDS,
    LOVED_CATEGORIES,
    NUMBERS,
    PRICE,
    RECENT,
    SESSION,
    USER,
)
from nightshelf.config.model import FeaturesConfig
from nightshelf.features.activity import (
    Asked,
    Daily,
    activity,
    decays,
    first_days,
    since_days,
)
from nightshelf.features.sessions import session_counts
from nightshelf.features.tastes import Deeds, Told, favourites, newest, price_taste
from nightshelf.parts import (
    DAY,
    Floats,
    Ints,
    Part,
    Some,
    Strings,
    in_batches,
    number_maps,
    offsets,
)

OWN: Final = (USER, "loved_category", "loved_brand")
"""Categories that no attribute of the user may take the place of."""

STAMP: Final = "stamp"
"""BIGINT column: microseconds since 1970."""

_NEVER = np.iinfo(np.int32).max
_STAMPS = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class UserPart:
    """Makes rows of gold.user_features of a part.

    Its frames are, in order: [user_id, day, since], what is asked for; [user_id, session_id, day,
    counts], the days of sessions; [user_id, day, stamp, item_id, type, category, brand, price, and
    the day since when each of these was told], the positive events; [user_id, day, signed_up,
    attributes], how users are from a day on, which may be missing.
    """

    config: FeaturesConfig
    weights: Mapping[str, float]

    def __call__(self, part: Part) -> Iterator[pa.RecordBatch]:
        """The rows, by user and day."""
        some = part.of(0).ordered()
        if not len(some):
            return
        asked, ids = Asked(some.keys, some.array(DAY)), part.ids
        visits, people = part.of(1), part.of(3)
        decay = decays(self.config.half_life_days, asked.days, visits.array(DAY))
        tastes = _Tastes(self, asked, part.of(2), decay)
        known = _Known(asked, people)
        categories, loved_categories = tastes.loved(CATEGORY)
        brands, loved_brands = tastes.loved(BRAND)
        users = ids.take(pa.array(asked.keys))
        yield from in_batches(
            {
                USER: users,
                NUMBERS: number_maps(
                    self._visited(asked, visits, since_days(some), decay, known) | tastes.prices()
                ),
                CATEGORIES: known.categories(users, categories, brands),
                LOVED_CATEGORIES: loved_categories,
                LOVED_BRANDS: loved_brands,
                RECENT: tastes.recent(),
                DS: pa.array(asked.days).cast(pa.date32()),
            }
        )

    def _visited(
        self, asked: Asked, visits: Some, since: Ints, decay: Floats, known: "_Known"
    ) -> dict[str, Floats]:
        windows, daily = self.config.windows_days, Daily.of(visits)
        first = first_days(asked, daily.keys, daily.days)
        sessions = visits.array(SESSION)
        return {
            **activity(asked, daily, since, windows, decay),
            **session_counts(asked, visits.keys, sessions, visits.array(DAY), windows),
            "tenure_days": asked.days - np.where(np.isnan(known.signed_up), first, known.signed_up),
        }


class _Known:
    """What was told of the users as of the days: signed_up (P,), NaN where unknown or later."""

    def __init__(self, asked: Asked, people: Some) -> None:
        self.signed_up = np.full(len(asked), np.nan)
        self._people = people
        if len(people):
            self._people = people = people.ordered()
            until = asked.rows_until(people.keys, people.array(DAY))
            self._found = np.flatnonzero(until > asked.first_rows(people.keys))
            self._rows = until[self._found] - 1
            day = people.array("signed_up", missing=_NEVER)[self._rows]
            self.signed_up[self._found] = np.where(day <= asked.days[self._found], day, np.nan)

    def categories(self, users: pa.Array, categories: pa.Array, brands: pa.Array) -> pa.MapArray:
        """(P,): the user's id, best-loved category and brand (null: none), and attributes."""
        rows = Strings(len(users))
        rows.add(USER, users)
        rows.add("loved_category", categories)
        rows.add("loved_brand", brands)
        if len(self._people):
            told = self._people.column(ATTRIBUTES).take(pa.array(self._rows))
            ends = told.offsets.to_numpy()
            owners = np.repeat(self._found, np.diff(ends))
            mine = slice(int(ends[0]), int(ends[-1]))
            rows.add_entries(owners, told.keys[mine], told.items[mine])
        return rows.maps()


class _Tastes:
    """What the positive events of a part's users tell of them, as of what is asked for."""

    def __init__(self, made_by: UserPart, asked: Asked, some: Some, decay: Floats) -> None:
        self._config, self._asked, self._decay = made_by.config, asked, decay
        self._some = some
        weights = np.array([made_by.weights.get(kind, 0.0) for kind in EVENT_TYPES])
        self._deeds = Deeds(some.keys, some.array(DAY), weights[some.array("type")])

    def prices(self) -> dict[str, Floats]:
        """(P,): price_level and price_spread."""
        told = self._told(PRICE, self._some.array(PRICE, missing=1.0))
        return price_taste(self._asked, told, self._decay)

    def loved(self, name: str) -> tuple[pa.Array, pa.ListArray]:
        """(P,): the best-loved value of a column, null without one; lists of {name, share}."""
        values, codes = self._some.coded(name)
        best, shares = favourites(
            self._asked,
            self._told(name, codes),
            len(values),
            self._config.favourites,
            self._decay,
        )
        kept = best >= 0
        names = values.take(pa.array(best[kept]))
        entries = pa.StructArray.from_arrays([names, pa.array(shares[kept])], ["name", "share"])
        first = pa.array(best[:, 0], mask=best[:, 0] < 0)
        return values.take(first), pa.ListArray.from_arrays(offsets(kept.sum(axis=1)), entries)

    def _told(self, name: str, values: Floats | Ints) -> Told:
        since = self._some.array(f"{name}_since", missing=_NEVER)
        return self._deeds.told(values, since, int(self._asked.days.max()), self._decay)

    def recent(self) -> pa.ListArray:
        """(P,): the newest deeds on distinct items, lists of {item_id, event_type, event_ts}."""
        deeds = self._deeds
        ids, items = self._some.coded(ITEM)
        stamps, types = self._some.array(STAMP), self._some.array("type")
        order = np.lexsort((types, -items, stamps, deeds.days, deeds.keys))
        found = newest(
            self._asked,
            deeds.keys[order],
            deeds.days[order],
            items[order],
            self._config.history_length,
        )
        kept = found >= 0
        rows = order[found[kept]]
        entries = pa.StructArray.from_arrays(
            [
                ids.take(pa.array(items[rows])),
                pa.array(EVENT_TYPES).take(pa.array(types[rows])),
                pa.array(stamps[rows]).cast(_STAMPS),
            ],
            [ITEM, EVENT_TYPE, EVENT_TS],
        )
        return pa.ListArray.from_arrays(offsets(kept.sum(axis=1)), entries)
