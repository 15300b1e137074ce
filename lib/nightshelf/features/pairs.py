"""Pairs of encoded users and items -> a model's rows, the same for training and for lists."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightshelf.features.cross import Near, Pairs, crossed
from nightshelf.features.declared import levelled
from nightshelf.features.encoding import LAST_POSITION, Encoding
from nightshelf.features.sides import Side
from nightshelf.fields import Ints, Longs, Rows, Singles
from nightshelf.tables.hashing import string_hashes

FIRST_POSITION: Final = 1
"""Where a list's items are taken to be shown: their places are not known yet."""


def user_numbers(users: pa.Array) -> Longs:
    """(B,): a hash of each user's id, for metrics by user."""
    return np.asarray(string_hashes(users).view(np.int64))


def position_ids(positions: pa.Array) -> Ints:
    """(B,): the id of each position, clipped; 0 where it is not known."""
    told = pc.fill_null(positions, 0).to_numpy(zero_copy_only=False)
    return np.asarray(np.clip(told, 0, LAST_POSITION), np.int32)


def combined(encoding: Encoding, pairs: Pairs, near: Near, positions: Ints) -> Rows:
    """The rows of B pairs, their numbers levelled and not yet scaled, NaN where unknown.

    Without labels, each weighing 1, all of user 0.
    """
    size = len(pairs.hashes)
    ids = np.zeros((size, len(encoding.inputs.categorical)), np.int32)
    ids[:, encoding.places("categorical", "user")] = pairs.users["ids"][pairs.user_of]
    ids[:, encoding.places("categorical", "item")] = pairs.items["ids"][pairs.item_of]
    ids[:, encoding.places("categorical", "context")] = positions[:, None]
    return Rows(
        ids=ids,
        numbers=_numbers(encoding, pairs, near),
        history=pairs.users["history"],
        vectors=pairs.items["vectors"][pairs.item_of],
        labels=np.empty((size, 0), np.float32),
        weights=np.ones(size, np.float32),
        users=np.zeros(size, np.int64),
        owner=pairs.user_of,
    )


def of_users(encoding: Encoding, users: Side) -> Rows:
    """The rows of B users with nothing known of an item, as a model reads them."""
    return _one_sided(encoding, users, "user")


def of_items(encoding: Encoding, items: Side) -> Rows:
    """The rows of B items with nothing known of a user, as a model reads them."""
    return _one_sided(encoding, items, "item")


def _one_sided(encoding: Encoding, side: Side, source: str) -> Rows:
    size, inputs = len(side), encoding.inputs
    ids = np.zeros((size, len(inputs.categorical)), np.int32)
    ids[:, encoding.places("categorical", source)] = side["ids"]
    numbers = np.full((size, len(inputs.numeric)), np.nan, np.float32)
    numbers[:, encoding.places("numeric", source)] = side["numbers"]
    history = (size, len(inputs.history_columns))
    vectors = (size, len(inputs.vector_columns))
    return Rows(
        ids=ids,
        numbers=encoding.scaled(numbers),
        history=side["history"] if source == "user" else np.zeros(history, np.int32),
        vectors=side["vectors"] if source == "item" else np.zeros(vectors, np.float32),
        labels=np.empty((size, 0), np.float32),
        weights=np.ones(size, np.float32),
        users=np.zeros(size, np.int64),
    )


def _numbers(encoding: Encoding, pairs: Pairs, near: Near) -> Singles:
    found = np.empty((len(pairs.hashes), len(encoding.columns("numeric"))), np.float32)
    found[:, encoding.places("numeric", "user")] = pairs.users["numbers"][pairs.user_of]
    found[:, encoding.places("numeric", "item")] = pairs.items["numbers"][pairs.item_of]
    names = encoding.names("numeric", "cross")
    if names:
        made: NDArray[np.float64] = crossed(names, pairs, near, encoding.half_life_days)
        for n, place in enumerate(encoding.places("numeric", "cross")):
            found[:, place] = levelled(names[n], np.ascontiguousarray(made[:, n]))
    return found
