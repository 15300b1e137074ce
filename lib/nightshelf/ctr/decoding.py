"""The columns of a training set's row group -> encoded rows."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightshelf.fields import USER_COLUMN, WEIGHT_COLUMN, Inputs, Rows
from nightshelf.learning.reader import Shard, unwatched
from nightshelf.learning.storage import Folder


def shard(
    folder: Folder,
    inputs: Inputs,
    rank: int = 0,
    ranks: int = 1,
    sign: Callable[[], None] = unwatched,
) -> Shard[Rows]:
    """The part of a split that one rank reads."""
    return Shard(folder, decoder(inputs), rank, ranks, sign)


def decoder(inputs: Inputs) -> Callable[[dict[str, Any]], Rows]:
    """The columns of a row group -> its rows."""
    return partial(encoded, inputs=inputs)


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
