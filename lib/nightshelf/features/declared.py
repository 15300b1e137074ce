"""The fields that the configuration declares, and how a number of each is read."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, Final

import numpy as np

from nightshelf.config.model import FieldConfig
from nightshelf.errors import ConfigError
from nightshelf.features import cross

ITEMS: Final = "item_id"
"""The field whose ids the items of a history have."""

_LOGGED = re.compile(r"_\d+d$|_rate$|_days$|^days_since|^times_seen$|^reviews$")
_KINDS = {
    "user": ("categorical", "numeric"),
    "item": ("categorical", "numeric", "vector"),
    "cross": ("numeric",),
    "context": ("categorical",),
    "history": ("sequence",),
}
_ONLY = {"cross": cross.NAMES, "context": ("position",), "history": ("recent",)}


@dataclass(frozen=True)
class Field:
    """A declared field and the column of Inputs that it becomes.

    The column is the field's name, behind its source where fields of two sources have that name, or
    where the name is no identifier, by which training sets could not be read: user_age_token of the
    user's 'age:token'.
    """

    column: str
    name: str
    source: str
    kind: str


def declared(fields: Sequence[FieldConfig]) -> tuple[Field, ...]:
    """The fields with their columns.

    Raises ConfigError for one that no such source has, for two that would have one column, and for
    a history without the item_id.
    """
    for field in fields:
        if field.kind not in _KINDS[field.source] or field.name not in _ONLY.get(
            field.source, (field.name,)
        ):
            raise ConfigError(
                f"features.fields: {field.source}.{field.name}: no {field.kind} field of that name "
                f"can be made; {field.source} has {', '.join(_KINDS[field.source])} fields"
                + (f" named {', '.join(_ONLY[field.source])}" if field.source in _ONLY else "")
            )
    names = [field.name for field in fields]
    taken = {"user", "weight"} | {name for name in names if names.count(name) > 1}
    found = tuple(
        Field(_column(field, taken), field.name, field.source, field.kind) for field in fields
    )
    columns = [field.column for field in found]
    twice = [f"{f.source}.{f.name}" for f in found if columns.count(f.column) > 1]
    if twice:
        raise ConfigError(
            f"features.fields: {', '.join(twice)}: would be one column; declare "
            "only one of them, or rename it in the source"
        )
    if any(f.source == "history" for f in found) and not any(f.column == ITEMS for f in found):
        raise ConfigError(
            f"features.fields: the history reads ids of the item's '{ITEMS}': declare it, or leave "
            "the history out"
        )
    return found


def _column(field: FieldConfig, taken: Collection[str]) -> str:
    name = field.name
    if name.isidentifier() and not iskeyword(name) and name[0] != "_" and name not in taken:
        return name
    plain = (letter if f"_{letter}".isidentifier() else "_" for letter in name)
    return f"{field.source}_{''.join(plain)}"


def levelled(name: str, values: Any) -> Any:
    """Counts, rates and ages as sign(x) * ln(1 + |x|), other numbers as they are."""
    return np.sign(values) * np.log1p(np.abs(values)) if _LOGGED.search(name) else values
