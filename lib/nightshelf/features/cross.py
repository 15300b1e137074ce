"""Numbers of a user and an item together, in compiled code."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from nightshelf.columns import ITEM, NEIGHBOUR, SIMILARITY, VECTOR
from nightshelf.compiled import CACHED
from nightshelf.tables.hashing import string_hashes

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Hashes = NDArray[np.uint64]

NAMES: Final = (
    "item_cf", "text_similarity", "price_to_level", "category_share", "brand_share", "times_seen",
    "days_since_seen",
)  # fmt: skip


@dataclass(frozen=True)
class Neighbours:
    """Item-CF neighbours in CSR form: I items by the hashes of their ids, N neighbours.

    hashes (I,) in order; item i's neighbours go from indptr[i] to indptr[i + 1]: items (N,) places
    among the hashes, in order, and similarities (N,).
    """

    hashes: Hashes
    indptr: Longs
    items: Ints
    similarities: Floats

    @staticmethod
    def of(found: pa.Table) -> "Neighbours":
        """From rows [item_id, neighbour_id, similarity], each pair once, in any order."""
        item, neighbour = (_hashes(found[name]) for name in (ITEM, NEIGHBOUR))
        hashes = np.unique(np.concatenate([item, neighbour]))
        row = np.searchsorted(hashes, item)
        place = np.searchsorted(hashes, neighbour)
        order = np.lexsort((place, row))
        lengths = np.bincount(row, minlength=len(hashes))
        return Neighbours(
            hashes,
            np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
            place[order].astype(np.int32),
            found[SIMILARITY].to_numpy()[order],
        )

    def __len__(self) -> int:
        return len(self.items)

    def places(self, hashes: Hashes) -> Ints:
        """The place of each hash, in an array of the same shape; -1 for others."""
        return _places(self.hashes, hashes)


@dataclass(frozen=True)
class ItemTexts:
    """Where items' texts point: hashes (I,) of their ids, in order; directions (I, V) of length 1.

    Items without a text are not among them.
    """

    hashes: Hashes
    directions: Singles

    @staticmethod
    def of(hashes: Hashes, vectors: Singles) -> "ItemTexts":
        """From vectors (I, V) in any order; one of zeros is none."""
        lengths = np.linalg.norm(vectors, axis=1)
        order = np.argsort(hashes, kind="stable")
        order = order[lengths[order] > 0]
        return ItemTexts(hashes[order], vectors[order] / lengths[order, None])

    @staticmethod
    def read(found: pa.Table) -> "ItemTexts":
        """From rows [item_id, vector], an item once, in any order."""
        flat = found[VECTOR].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return ItemTexts.of(
            _hashes(found[ITEM]),
            flat.astype(np.float32).reshape(len(found), -1 if len(flat) else 0),
        )

    def places(self, hashes: Hashes) -> Ints:
        """The place of each hash, in an array of the same shape; -1 for others."""
        return _places(self.hashes, hashes)


NO_TEXTS: Final = ItemTexts(np.empty(0, np.uint64), np.empty((0, 0), np.float32))


@dataclass(frozen=True)
class Near:
    """How items are alike: by who wanted both, and by what is written of them."""

    neighbours: Neighbours
    texts: ItemTexts = NO_TEXTS


@dataclass(frozen=True)
class Pairs:
    """B pairs of a user and an item.

    users (U,) and items (I,) as `sides` encodes them; user_of and item_of (B,) places among them;
    hashes (B,) of the items' ids, which are known also where there is no row of the item.
    """

    users: NDArray[Any]
    user_of: Longs
    items: NDArray[Any]
    item_of: Longs
    hashes: Hashes


def crossed(
    names: tuple[str, ...], pairs: Pairs, near: Near, half_life_days: float | None
) -> Floats:
    """(B, C): the named numbers of each pair; NaN where one is not known.

    item_cf:         sum over the user's recent items of 2 ** (-age / half-life) times the
                     candidate's similarity to them as their neighbour, ages in days; unknown
                     without any neighbours at all.
    text_similarity: the largest cosine of the candidate's text with that of another of the user's
                     recent items.
    price_to_level:  ln(price) less the user's level of it.
    category_share, brand_share: of the item's among those the user loves; 0 if it is none of them.
    times_seen:      1 if the item is among the user's recent ones, else 0.
    days_since_seen: its age there.
    """
    made: dict[str, Callable[[Pairs], Floats]] = {
        "price_to_level": _price_to_level,
        "text_similarity": lambda of: _text_similarity(of, near.texts),
        "category_share": lambda of: _share(of, "category", "categories"),
        "brand_share": lambda of: _share(of, "brand", "brands"),
    }
    found = np.empty((len(pairs.hashes), len(names)))
    by_history = _by_history(pairs, near.neighbours, half_life_days)
    for n, name in enumerate(names):
        found[:, n] = made[name](pairs) if name in made else by_history[name]
    return found


def _price_to_level(pairs: Pairs) -> Floats:
    price = pairs.items["price"].astype(np.float64)[pairs.item_of]
    return np.asarray(price - pairs.users["price"].astype(np.float64)[pairs.user_of])


def _share(pairs: Pairs, one: str, many: str) -> Floats:
    wanted = pairs.items[one][pairs.item_of]
    is_it = pairs.users[many][pairs.user_of] == wanted[:, None]
    share = (pairs.users[f"{many}_shares"][pairs.user_of].astype(np.float64) * is_it).sum(axis=1)
    return np.where(wanted != 0, share, np.nan)


def _text_similarity(pairs: Pairs, texts: ItemTexts) -> Floats:
    recent = texts.places(np.ascontiguousarray(pairs.users["recent"]))
    return np.asarray(_largest(recent, pairs.user_of, texts.places(pairs.hashes), texts.directions))


@njit(cache=CACHED, nogil=True)
def _largest(recent: Ints, user_of: Longs, places: Ints, directions: Singles) -> Floats:
    """(B,): the largest cosine of each candidate with another item of the user; NaN without any."""
    found = np.full(len(user_of), np.nan, np.float64)
    for pair in range(len(user_of)):
        wanted = places[pair]
        if wanted < 0:
            continue
        for n in range(recent.shape[1]):
            other = recent[user_of[pair], n]
            if other < 0 or other == wanted:
                continue
            cosine = 0.0
            for v in range(directions.shape[1]):
                cosine += directions[wanted, v] * directions[other, v]
            if not found[pair] >= cosine:
                found[pair] = cosine
    return found


def _by_history(pairs: Pairs, near: Neighbours, half_life_days: float | None) -> dict[str, Floats]:
    recent = np.ascontiguousarray(pairs.users["recent"])
    ages = np.ascontiguousarray(pairs.users["ages"])
    faded = np.exp2(-ages / half_life_days) if half_life_days else np.ones(ages.shape)
    similar, age = _scanned(
        recent, near.places(recent), ages, faded, pairs.user_of,
        pairs.hashes, near.places(pairs.hashes), near.indptr, near.items, near.similarities,
    )  # fmt: skip
    is_seen = age >= 0
    return {
        "item_cf": similar if len(near) else np.full(len(similar), np.nan),
        "times_seen": is_seen.astype(np.float64),
        "days_since_seen": np.where(is_seen, age, np.nan),
    }


@njit(cache=CACHED, nogil=True)
def _scanned(
    recent: Hashes, rows: Ints, ages: Ints, faded: Floats, user_of: Longs,
    hashes: Hashes, places: Ints, indptr: Longs, items: Ints, similarities: Floats,
) -> tuple[Floats, Longs]:  # fmt: skip
    """(B,), (B,): each pair's sum of similarities, and the candidate's age or -1."""
    similar = np.zeros(len(user_of), np.float64)
    age = np.full(len(user_of), -1, np.int64)
    for pair in range(len(user_of)):
        user, wanted = user_of[pair], places[pair]
        for n in range(recent.shape[1]):
            if recent[user, n] == 0:
                break
            if recent[user, n] == hashes[pair]:
                age[pair] = ages[user, n]
            row = rows[user, n]
            if row >= 0 and wanted >= 0:
                begin, end = indptr[row], indptr[row + 1]
                at = begin + np.searchsorted(items[begin:end], wanted)
                if at < end and items[at] == wanted:
                    similar[pair] += faded[user, n] * similarities[at]
    return similar, age


def _hashes(column: pa.ChunkedArray) -> Hashes:
    whole = pa.concat_arrays([*column.chunks, pa.array([], pa.string())])
    return string_hashes(whole)


def _places(known: Hashes, hashes: Hashes) -> Ints:
    if not len(known):
        return np.full(hashes.shape, -1, np.int32)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.where(known[at] == hashes, at, -1).astype(np.int32)
