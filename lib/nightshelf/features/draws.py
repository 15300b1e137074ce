"""Positives and the negatives drawn for them, of many users at once, in compiled code.

Every draw is a function of the seed, the user, the day, the positive's item and the draw's number:
the same for any partitioning. Days are counted from 1970; items are their places on a `Shelf`.
"""

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightshelf.compiled import CACHED
from nightshelf.features.chances import ODD, hard, mixed, parts, share, unit, way

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Hashes = NDArray[np.uint64]
Bools = NDArray[np.bool_]

WANTED: Final = 1
BOUGHT: Final = 2
RATED: Final = 4
FIRST_TASK: Final = 8
"""Bits of a deed's mask: a positive, a purchase, a rating that counts, and a bit a task's label.

A rating that is no positive is a real negative; a purchase that is none is no sample.
"""

ORIGINS: Final = ("event", "uniform", "popular", "hard")

_STREAMS = 4  # numbers that one draw uses


class Shelf(NamedTuple):
    """What negatives are drawn from: I items, in order of the day they became known; D days.

    hashes (I,) of ids; repeatable (I,): may be bought again. first: the first label day. known
    (D,): how many of the items were known before each label day. mass (D, I): running sums of the
    items' decayed positives as of the day before. nearby (I + 1,), neighbours: those of each item
    in CSR form, in order.
    """

    hashes: Hashes
    repeatable: Bools
    first: int
    known: Ints
    mass: Floats
    nearby: Longs
    neighbours: Ints


class Ways(NamedTuple):
    """How negatives are drawn: how many a positive, shares (3,) of uniform, popular and hard ones.

    The shares add up to 1. recent: newest items of a user whose neighbours are hard.
    """

    negatives: int
    shares: Floats
    recent: int
    seed: int


class Deeds(NamedTuple):
    """What U users did: (item, day) with a mask of bits, each once, sorted by item and day.

    users (U,) hashes of ids; user u's deeds go from indptr[u] to indptr[u + 1].
    """

    users: Hashes
    indptr: Longs
    items: Ints
    days: Ints
    masks: Ints


class Drawn(NamedTuple):
    """Sampled rows: user and item by place, day, place in ORIGINS, mask, weight, identity."""

    users: Ints
    items: Ints
    days: Ints
    origins: Ints
    masks: Ints
    weights: Floats
    identities: Longs


def drawn(deeds: Deeds, shelf: Shelf, ways: Ways) -> Drawn:
    """The users' rows of the label days: what they did, and draws for each positive.

    Of items that were not known the day before there are none.
    """
    last = shelf.first + len(shelf.known) - 1
    is_told = (deeds.days >= shelf.first) & (deeds.days <= last)
    room = int(is_told.sum()) * (1 + ways.negatives)
    users, items, days, origins, masks = np.empty((5, room), np.int32)
    weights, identities = np.empty(room, np.float64), np.empty(room, np.int64)
    out = Drawn(users, items, days, origins, masks, weights, identities)
    rows = _drawn(deeds, shelf, ways, out)
    return Drawn(
        users[:rows], items[:rows], days[:rows], origins[:rows], masks[:rows],
        weights[:rows], identities[:rows],
    )  # fmt: skip


@njit(cache=CACHED, nogil=True)
def _drawn(deeds: Deeds, shelf: Shelf, ways: Ways, out: Drawn) -> int:
    at = 0
    for user in range(len(deeds.users)):
        begin, end = deeds.indptr[user], deeds.indptr[user + 1]
        newest = np.argsort(-deeds.days[begin:end], kind="mergesort") + begin
        is_kept, positives = _kept(begin, end, deeds, shelf)
        recent = np.empty(ways.recent, np.int32)
        told_day, found = -1, 0
        for place in newest:
            if not is_kept[place - begin]:
                continue
            day = deeds.days[place]
            key = mixed(mixed(np.uint64(ways.seed) ^ deeds.users[user]) ^ np.uint64(day))
            key = mixed(key ^ shelf.hashes[deeds.items[place]])
            _put(out, at, user, deeds.items[place], day, 0, deeds.masks[place], 1.0, key)
            at += 1
            if deeds.masks[place] & WANTED == 0:
                continue
            if day != told_day:
                found = _recent(recent, newest, day, deeds, shelf)
                told_day = day
            nearest = recent[:found]
            wanted = positives[day - shelf.first]
            at = _draw(out, at, user, day, key, wanted, nearest, deeds, shelf, ways)
    return at


@njit(cache=CACHED, nogil=True)
def _draw(
    out: Drawn,
    at: int,
    user: int,
    day: int,
    key: np.uint64,
    wanted: int,
    nearest: Ints,
    deeds: Deeds,
    shelf: Shelf,
    ways: Ways,
) -> int:
    """Draws for one positive, one of `wanted` that the user has that day; returns the new end."""
    known = shelf.known[day - shelf.first]
    running = shelf.mass[day - shelf.first]
    left = parts(ways.shares, running, nearest)
    offset = unit(key, np.uint64(1))
    for n in range(ways.negatives):
        counter = np.uint64(2 + n * _STREAMS)
        kind = way((n + offset) / ways.negatives, left)
        pick = _pick(kind, key, counter, known, running, nearest, shelf)
        if pick >= known or _had(pick, user, day, deeds, shelf.repeatable[pick]):
            continue
        rate = left[0] / known + left[1] * share(pick, running)
        if left[2] > 0:
            rate += left[2] * hard(pick, nearest, shelf.nearby, shelf.neighbours)
        weight = 1.0 / (wanted * ways.negatives * rate)
        identity = mixed(key + ODD * (counter + np.uint64(2)))
        _put(out, at, user, pick, day, kind + 1, 0, weight, identity)
        at += 1
    return at


@njit(cache=CACHED, nogil=True)
def _pick(
    kind: int,
    key: np.uint64,
    counter: np.uint64,
    known: int,
    running: Floats,
    nearest: Ints,
    shelf: Shelf,
) -> int:
    one = unit(key, counter)
    if kind == 0:
        return min(int(one * known), known - 1)
    if kind == 1:
        found = np.searchsorted(running, one * running[-1], side="right")
        return int(min(found, len(running) - 1))
    near = nearest[min(int(one * len(nearest)), len(nearest) - 1)]
    size = shelf.nearby[near + 1] - shelf.nearby[near]
    two = unit(key, counter + np.uint64(1))
    return int(shelf.neighbours[shelf.nearby[near] + min(int(two * size), size - 1)])


@njit(cache=CACHED, nogil=True)
def _put(
    out: Drawn,
    at: int,
    user: int,
    item: int,
    day: int,
    origin: int,
    mask: int,
    weight: float,
    identity: np.uint64,
) -> None:
    out.users[at], out.items[at], out.days[at] = user, item, day
    out.origins[at], out.masks[at] = origin, mask
    out.weights[at], out.identities[at] = weight, np.int64(identity)


@njit(cache=CACHED, nogil=True)
def _kept(begin: int, end: int, deeds: Deeds, shelf: Shelf) -> tuple[Bools, Longs]:
    """Which of a user's deeds are samples, and how many positives there are on each label day."""
    is_kept = np.zeros(end - begin, np.bool_)
    positives = np.zeros(len(shelf.known), np.int64)
    for n in range(begin, end):
        day = deeds.days[n] - shelf.first
        if not 0 <= day < len(positives) or deeds.items[n] >= shelf.known[day]:
            continue
        if deeds.masks[n] & WANTED == 0:
            is_kept[n - begin] = deeds.masks[n] & RATED != 0
        elif _is_new(n, begin, deeds, shelf):
            is_kept[n - begin] = True
            positives[day] += 1
    return is_kept, positives


@njit(cache=CACHED, nogil=True)
def _is_new(n: int, begin: int, deeds: Deeds, shelf: Shelf) -> bool:
    """Whether a list could have shown the item: not bought before, or to be bought again."""
    if shelf.repeatable[deeds.items[n]]:
        return True
    for before in range(n - 1, begin - 1, -1):
        if deeds.items[before] != deeds.items[n]:
            break
        if deeds.masks[before] & BOUGHT:
            return False
    return True


@njit(cache=CACHED, nogil=True)
def _recent(recent: Ints, newest: Longs, day: int, deeds: Deeds, shelf: Shelf) -> int:
    """Puts those of the user's newest items, wanted before the day, that have neighbours.

    Returns how many. As many are looked at as there is room.
    """
    seen = np.empty(len(recent), np.int32)
    looked = found = 0
    for place in newest:
        if looked == len(seen):
            break
        item = deeds.items[place]
        is_wanted = deeds.days[place] < day and deeds.masks[place] & WANTED
        if not is_wanted or np.any(seen[:looked] == item):
            continue
        seen[looked] = item
        looked += 1
        if shelf.nearby[item + 1] > shelf.nearby[item]:
            recent[found] = item
            found += 1
    return found


@njit(cache=CACHED, nogil=True)
def _had(item: int, user: int, day: int, deeds: Deeds, is_repeatable: bool) -> bool:
    """Whether the item is no answer to a wish of the day: dealt with that day, or bought for good.

    What was looked at before and not again may be drawn: a list would offer it, too.
    """
    begin, end = deeds.indptr[user], deeds.indptr[user + 1]
    at = begin + np.searchsorted(deeds.items[begin:end], item)
    while at < end and deeds.items[at] == item and deeds.days[at] <= day:
        if deeds.days[at] == day or (deeds.masks[at] & BOUGHT and not is_repeatable):
            return True
        at += 1
    return False
