"""The fields that the configuration declares, and how a number of each is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
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

    The column is the field's name, behind its source where fields of two sources have that name.
    """

    column: str
    name: str
    source: str
    kind: str


def declared(fields: Sequence[FieldConfig]) -> tuple[Field, ...]:
    """The fields with their columns.

    Raises ConfigError for one that no such source has, and for a history without the item_id.
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
        Field(
            f"{field.source}_{field.name}" if field.name in taken else field.name,
            field.name,
            field.source,
            field.kind,
        )
        for field in fields
    )
    if any(f.source == "history" for f in found) and not any(f.column == ITEMS for f in found):
        raise ConfigError(
            f"features.fields: the history reads ids of the item's '{ITEMS}': declare it, or leave "
            "the history out"
        )
    return found


def levelled(name: str, values: Any) -> Any:
    """Counts, rates and ages as sign(x) * ln(1 + |x|), other numbers as they are."""
    return np.sign(values) * np.log1p(np.abs(values)) if _LOGGED.search(name) else values
