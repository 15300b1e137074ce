"""How a model's inputs are made of features: frozen with the model, the same in every process."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightshelf.columns import EVENT_TYPES
from nightshelf.errors import ConfigError, MissingInputError
from nightshelf.features.declared import ITEMS, Field
from nightshelf.features.vocabulary import EMPTY, Vocabulary
from nightshelf.fields import Categorical, History, Inputs, Numeric, Singles, Vector

LAST_POSITION: Final = 50
OLDEST_AGE: Final = 12

FOLDER = "encoding"
"""Beside a training set, and beside a model that learnt from it."""

_FORM, _VALUES = FILES = ("encoding.json", "vocabularies.parquet")


@dataclass(frozen=True)
class Encoding:
    """What a model reads, and how to make it.

    fields:       those that `inputs` holds, in its order within each kind.
    vocabularies: by column; ids 1 to `buckets` are shared by values that are not in them.
    favourites:   loved categories and brands that shares are looked up in.
    recent:       newest items of a user that cross features look at.
    half_life_days: age at which a recent item counts half in item_cf; None: no decay.
    """

    inputs: Inputs
    fields: tuple[Field, ...]
    vocabularies: Mapping[str, Vocabulary]
    buckets: int
    favourites: int
    recent: int
    half_life_days: float | None

    def columns(self, kind: str, source: str | None = None) -> list[Field]:
        """The fields of a kind, of one source or all, in order."""
        return [f for f in self.fields if f.kind == kind and (source is None or f.source == source)]

    def places(self, kind: str, source: str) -> list[int]:
        """Where the source's fields lie among all of their kind."""
        return [n for n, field in enumerate(self.columns(kind)) if field.source == source]

    def names(self, kind: str, source: str) -> tuple[str, ...]:
        """The features that the source's fields of a kind are made of."""
        return tuple(field.name for field in self.columns(kind, source))

    def side(self, source: str) -> tuple[str, ...]:
        """The columns of `inputs`, of all kinds but the history, that one source's fields are."""
        return tuple(f.column for f in self.fields if f.source == source and f.kind != "sequence")

    def reads(self, vector: str) -> bool:
        """Whether a vector of that name is among the inputs."""
        return vector in self.names("vector", "item")

    def numbers_of(self, vector: str) -> slice:
        """Where a vector's numbers lie among those of all; nowhere if it is not read."""
        start = 0
        for field, one in zip(self.columns("vector"), self.inputs.vectors, strict=True):
            if field.name == vector:
                return slice(start, start + one.width)
            start += one.width
        return slice(0, 0)

    @cached_property
    def user_row(self) -> "np.dtype[Any]":
        """The encoded user; see `sides`."""
        length = self.inputs.history.length if self.inputs.history else 0
        return np.dtype(
            [
                ("ids", "<i4", (len(self.columns("categorical", "user")),)),
                ("numbers", "<f4", (len(self.columns("numeric", "user")),)),
                ("history", "<i4", (3 * length,)),
                ("recent", "<u8", (self.recent,)),
                ("ages", "<i4", (self.recent,)),
                ("categories", "<u8", (self.favourites,)),
                ("categories_shares", "<f4", (self.favourites,)),
                ("brands", "<u8", (self.favourites,)),
                ("brands_shares", "<f4", (self.favourites,)),
                ("price", "<f4"),
            ]
        )

    @cached_property
    def item_row(self) -> "np.dtype[Any]":
        """The encoded item; see `sides`."""
        return np.dtype(
            [
                ("ids", "<i4", (len(self.columns("categorical", "item")),)),
                ("numbers", "<f4", (len(self.columns("numeric", "item")),)),
                ("vectors", "<f4", (len(self.inputs.vector_columns),)),
                ("category", "<u8"),
                ("brand", "<u8"),
                ("price", "<f4"),
            ]
        )

    def scaled(self, numbers: Singles) -> Singles:
        """(B, N) levelled numbers, NaN where unknown -> as a model reads them, unknown as 0."""
        mean = np.array([field.mean for field in self.inputs.numeric])
        sd = np.array([field.sd for field in self.inputs.numeric])
        scaled = ((numbers.astype(np.float64) - mean) / sd).astype(np.float32)
        return np.where(np.isnan(scaled), np.float32(0), scaled)

    def with_numbers(self, measured: Mapping[str, tuple[float, float]]) -> "Encoding":
        """The same with each number's mean and sd; numbers without any are left out."""
        numeric = tuple(
            Numeric(field.column, *measured[field.column])
            for field in self.columns("numeric")
            if field.column in measured
        )
        kept = tuple(f for f in self.fields if f.kind != "numeric" or f.column in measured)
        return replace(self, inputs=replace(self.inputs, numeric=numeric), fields=kept)

    def knows(self, column: str, value: str) -> bool:
        """Whether the value has an id of its own in the column's vocabulary."""
        vocabulary = self.vocabularies.get(column)
        return vocabulary is not None and pa.scalar(value) in vocabulary.values

    def without(self, column: str, value: str) -> "Encoding":
        """The same, where the value has no id of its own any more; the others keep theirs."""
        known = self.vocabularies[column]
        others = pc.not_equal(known.values, value)
        kept = Vocabulary(
            known.values.filter(others), known.ids[others.to_numpy(zero_copy_only=False)]
        )
        return replace(self, vocabularies={**self.vocabularies, column: kept})

    def files(self) -> dict[str, bytes]:
        """The encoding as plain files, by name: JSON, and the vocabularies as Parquet."""
        form = {
            "inputs": json.loads(self.inputs.to_json()),
            "fields": [asdict(field) for field in self.fields],
            "buckets": self.buckets,
            "favourites": self.favourites,
            "recent": self.recent,
            "half_life_days": self.half_life_days,
        }
        rows = [
            pa.table({"field": pa.repeat(column, len(v.ids)), "value": v.values, "id": v.ids})
            for column, v in sorted(self.vocabularies.items())
        ]
        sink = io.BytesIO()
        pq.write_table(pa.concat_tables([_NO_VALUES, *rows]), sink)
        return {_FORM: json.dumps(form, sort_keys=True).encode(), _VALUES: sink.getvalue()}

    @staticmethod
    def of(files: Mapping[str, bytes]) -> "Encoding":
        """The encoding that `files` told."""
        form = json.loads(files[_FORM])
        rows = pq.read_table(io.BytesIO(files[_VALUES]))
        fields = tuple(Field(**field) for field in form["fields"])
        # Without any value that has an id, a vocabulary has no row.
        own = {f.column: EMPTY for f in fields if f.kind == "categorical" and has_ids(f)}
        return Encoding(
            inputs=Inputs.from_json(json.dumps(form["inputs"])),
            fields=fields,
            vocabularies={**own, **vocabularies(rows)},
            buckets=form["buckets"],
            favourites=form["favourites"],
            recent=form["recent"],
            half_life_days=form["half_life_days"],
        )

    def save(self, folder: Path) -> None:
        """Writes the files into a local folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files().items():
            (folder / name).write_bytes(content)

    @staticmethod
    def load(folder: Path) -> "Encoding":
        """The encoding saved in a local folder. Raises MissingInputError where there is none."""
        try:
            return Encoding.of({name: (folder / name).read_bytes() for name in FILES})
        except FileNotFoundError as error:
            raise MissingInputError(
                f"{folder}: expected {_FORM} and {_VALUES} of an encoding, found no "
                f"{Path(error.filename).name}; export the training set again"
            ) from error


_NO_VALUES = pa.table(
    {
        "field": pa.array([], pa.string()),
        "value": pa.array([], pa.string()),
        "id": pa.array([], pa.int32()),
    }
)


def vocabularies(rows: pa.Table) -> dict[str, Vocabulary]:
    """By field, from rows [field, value, id]."""
    fields = rows["field"].unique().to_pylist()
    return {
        field: Vocabulary.of(rows.filter(pc.equal(rows["field"], field)))
        for field in sorted(fields)
    }


def planned(
    fields: Sequence[Field],
    known: Mapping[str, Vocabulary],
    vectors: Sequence[Vector],
    *,
    tasks: Sequence[str],
    buckets: int,
    length: int,
    favourites: int,
    half_life_days: float | None,
) -> Encoding:
    """The encoding of the fields, whose numbers are still to be measured (`with_numbers`).

    known: the vocabularies by column; vectors: of the fields of that kind. length: of a history.
    Raises ConfigError where ids of values lie among the buckets.
    """
    for column, vocabulary in known.items():
        if vocabulary.least is not None and vocabulary.least <= buckets:
            raise ConfigError(
                f"samples.buckets: expected at most {vocabulary.least - 1} as when the ids of "
                f"'{column}' were given, found {buckets}; set it back, or remove gold.vocabularies"
            )
    kinds = {kind: [f for f in fields if f.kind == kind] for kind in ("categorical", "numeric")}
    inputs = Inputs(
        categorical=tuple(
            Categorical(f.column, _size(f, known, buckets)) for f in kinds["categorical"]
        ),
        numeric=tuple(Numeric(f.column) for f in kinds["numeric"]),
        history=History(ITEMS, length, len(EVENT_TYPES) + 1, OLDEST_AGE + 1)
        if any(f.kind == "sequence" for f in fields)
        else None,
        vectors=tuple(vectors),
        tasks=tuple(tasks),
    )
    used = {f.column: known.get(f.column, EMPTY) for f in kinds["categorical"] if has_ids(f)}
    return Encoding(inputs, tuple(fields), used, buckets, favourites, length, half_life_days)


def has_ids(field: Field) -> bool:
    """Whether a categorical field's values are given ids: not those that are numbers already."""
    return field.source != "context"


def _size(field: Field, known: Mapping[str, Vocabulary], buckets: int) -> int:
    """Ids from 0 to the largest."""
    if not has_ids(field):
        return LAST_POSITION + 1
    return max(known.get(field.column, EMPTY).most, buckets) + 1
