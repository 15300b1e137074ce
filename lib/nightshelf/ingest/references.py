"""What a mapping calls a source column: whole, a part of it, or several joined."""

import re
from collections.abc import Callable, Iterable, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from nightshelf.config import ColumnRef, JoinedSpec
from nightshelf.errors import ConfigError


def column_names(refs: Iterable[ColumnRef]) -> list[str]:
    """The source columns that the references name, each once, in order."""
    return list(dict.fromkeys(name for ref in refs for name in _named(ref)))


def _named(ref: ColumnRef) -> Sequence[str]:
    if isinstance(ref, JoinedSpec):
        return ref.join
    return [ref if isinstance(ref, str) else ref.column]


def named_column(name: str) -> Column:
    """The source column of this very name."""
    return F.col(quoted(name))


def quoted(name: str) -> str:
    """The name of a column as an expression or a DDL schema has it, whatever letters it has."""
    return f"`{name.replace('`', '``')}`"


def value(ref: ColumnRef, column: Callable[[str], Column] = named_column) -> Column:
    """The referenced value as STRING: the column, the wanted part of it, in the wanted type.

    Of joined columns null where one of them is. `column`: where a source column is found by name.
    """
    if isinstance(ref, JoinedSpec):
        parts = [part for name in ref.join for part in (F.lit(ref.by), value(name, column))]
        return F.concat(*parts[1:])
    if isinstance(ref, str):
        return column(ref).cast("string")
    found = column(ref.column).cast("string")
    if ref.split is not None:
        if not ref.split:
            raise ConfigError(f"column {ref.column}: 'split' needs at least one character")
        found = F.get(F.split(found, re.escape(ref.split)), ref.part)
    if ref.cast == "bigint":
        # Through double, since ids exported by pandas read '17850.0'.
        found = F.coalesce(found.try_cast("bigint"), found.try_cast("double").try_cast("bigint"))
    elif ref.cast is not None:
        found = found.try_cast(ref.cast)
    return found.cast("string")
