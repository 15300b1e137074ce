"""What a ranking model reads: its fields, as features encode them and networks embed them.

Letters: B rows of a batch, F categorical fields, N numeric fields, L history length, V numbers of
all vectors, T tasks.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

UNKNOWN: Final = 0
"""The id of a value that is absent or has never been seen; in a history, the end of it."""

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Categorical:
    """Ids from 0 to `size` - 1."""

    name: str
    size: int


@dataclass(frozen=True)
class Numeric:
    """A number x, read as (x - mean) / sd; an unknown one as 0."""

    name: str
    mean: float = 0.0
    sd: float = 1.0


@dataclass(frozen=True)
class History:
    """A user's newest `length` items, the newest first.

    Items have the ids of the categorical field `field`; `types` and `ages` are the numbers of ids
    of an event's type and of the bucket of its age, 0 of each for no event.
    """

    field: str
    length: int
    types: int
    ages: int


@dataclass(frozen=True)
class Vector:
    """A dense vector of an item, such as that of its text; `key` tells which model made it."""

    name: str
    width: int
    key: str = ""


@dataclass(frozen=True)
class Inputs:
    """The columns of a model's training set, and of what it scores, in their order."""

    categorical: tuple[Categorical, ...]
    numeric: tuple[Numeric, ...] = ()
    history: History | None = None
    vectors: tuple[Vector, ...] = ()
    tasks: tuple[str, ...] = ("click",)

    @property
    def categorical_columns(self) -> tuple[str, ...]:
        """INT columns of ids (F)."""
        return tuple(field.name for field in self.categorical)

    @property
    def numeric_columns(self) -> tuple[str, ...]:
        """FLOAT columns of scaled numbers (N)."""
        return tuple(field.name for field in self.numeric)

    @property
    def history_columns(self) -> tuple[str, ...]:
        """INT columns (3 * L): the items' ids, then the types' and then the ages'."""
        length = self.history.length if self.history else 0
        return tuple(
            f"recent_{part}_{n}" for part in ("item", "type", "age") for n in range(length)
        )

    @property
    def vector_columns(self) -> tuple[str, ...]:
        """FLOAT columns (V)."""
        return tuple(f"{vector.name}_{n}" for vector in self.vectors for n in range(vector.width))

    @property
    def label_columns(self) -> tuple[str, ...]:
        """FLOAT columns of 0 and 1 (T)."""
        return tuple(f"label_{task}" for task in self.tasks)

    def to_json(self) -> str:
        """The inputs as JSON that `from_json` reads back."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "Inputs":
        """The inputs that `to_json` told."""
        told: dict[str, Any] = json.loads(text)
        return Inputs(
            categorical=tuple(Categorical(**field) for field in told["categorical"]),
            numeric=tuple(Numeric(**field) for field in told["numeric"]),
            history=History(**told["history"]) if told["history"] else None,
            vectors=tuple(Vector(**field) for field in told["vectors"]),
            tasks=tuple(told["tasks"]),
        )


USER_COLUMN: Final = "user"
"""BIGINT column of every training set: a hash of the user, for metrics by user."""

WEIGHT_COLUMN: Final = "weight"
"""FLOAT column of every training set: how many rows of the population a sampled row stands for."""


@dataclass(frozen=True)
class Rows:
    """Encoded rows; each array has B rows, or none where there are no such inputs (or labels).

    With `owner`, rows share H histories, such as those of their users: row n's is history owner[n].
    """

    ids: Ints  # (B, F)
    numbers: Singles  # (B, N)
    history: Ints  # (B, 3 * L), or (H, 3 * L) with an owner
    vectors: Singles  # (B, V)
    labels: Singles  # (B, T)
    weights: Singles  # (B,)
    users: Longs  # (B,)
    owner: Longs | None = None  # (B,), from 0 to H - 1

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, places: NDArray[Any] | slice) -> "Rows":
        """The rows at the places."""
        if self.owner is None:
            if isinstance(places, slice):
                return Rows(*(array[places] for array in self.arrays()))
            # Copies whole rows several times as fast as indexing does.
            at = np.flatnonzero(places) if places.dtype == np.bool_ else places
            return Rows(*(array.take(at, axis=0) for array in self.arrays()))
        kept, owner = np.unique(self.owner[places], return_inverse=True)
        history = self.history[kept]
        alone = replace(self, history=np.empty((len(self), 0), np.int32), owner=None)
        return replace(alone.take(places), history=history, owner=owner)

    @classmethod
    def joined(cls, some: "Sequence[Rows]") -> "Rows":
        """The rows of several behind one another; each row has a history of its own."""
        if len(some) == 1:
            return some[0]
        return cls(*(np.concatenate(a) for a in zip(*(r.arrays() for r in some), strict=True)))

    def whole(self) -> "Rows":
        """The same rows, each with a history of its own."""
        if self.owner is None:
            return self
        return replace(self, history=self.history[self.owner], owner=None)

    def arrays(self) -> Iterator[NDArray[Any]]:
        """The arrays in the order of the fields above, but for `owner`."""
        yield from (self.ids, self.numbers, self.history, self.vectors)
        yield from (self.labels, self.weights, self.users)
