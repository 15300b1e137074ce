"""What a table promises: its columns, keys and ranges."""

from dataclasses import dataclass
from typing import Final

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

STRING: Final = StringType()
INT: Final = IntegerType()
BIGINT: Final = LongType()
DOUBLE: Final = DoubleType()
BOOLEAN: Final = BooleanType()
BINARY: Final = BinaryType()
DATE: Final = DateType()
TIMESTAMP: Final = TimestampType()
STRING_MAP: Final = MapType(STRING, STRING)
DOUBLE_MAP: Final = MapType(STRING, DOUBLE)
VECTOR_MAP: Final = MapType(STRING, ArrayType(FloatType()))
STRINGS: Final = ArrayType(STRING)
FLOATS: Final = ArrayType(FloatType())
SHARES: Final = ArrayType(StructType([StructField("name", STRING), StructField("share", DOUBLE)]))
DEEDS: Final = ArrayType(
    StructType(
        [
            StructField("item_id", STRING),
            StructField("event_type", STRING),
            StructField("event_ts", TIMESTAMP),
        ]
    )
)


@dataclass(frozen=True)
class Column:
    """One column. `low` and `high` are inclusive; NaN is in no range."""

    name: str
    type: DataType
    optional: bool = False
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()

    @property
    def conditions(self) -> tuple[str, ...]:
        """What a row keeps, each in SQL; of no value only that it may be missing."""
        told = [] if self.optional else [f"{self.name} IS NOT NULL"]
        if self.low is not None:
            told.append(f"{self.name} >= {self.low:g}")
        if self.high is not None:
            told.append(f"{self.name} <= {self.high:g}")
        if self.values:
            told.append(f"{self.name} IN ({', '.join(map(repr, self.values))})")
        return tuple(told)


@dataclass(frozen=True)
class Table:
    """The contract of one table.

    name:     `<layer>.<name>`; the table lies at `<root>/<layer>/<name>`.
    keys:     column sets, each unique within a `ds` (within the table where it is not partitioned).
    daily:    True: one commit replaces whole days of `ds`. False: holds the latest state only,
              replaced as a whole.
    partitioned: whether a day has a folder of its own. Not where one night writes years of days,
              most of them small: files sorted by `ds` are as quick to skip, and few.
    layout:   columns by which rows lie sorted in the files, for readers by key.
    lineage:  columns that say which run wrote a row; a rerun changes them, so no digest holds them.
    may_be_empty: whether a day without rows is a valid result.
    """

    name: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...]
    daily: bool = True
    partitioned: bool = True
    layout: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()
    may_be_empty: bool = False

    @property
    def schema(self) -> StructType:
        return StructType([StructField(c.name, c.type, True) for c in self.columns])

    @property
    def path(self) -> str:
        return self.name.replace(".", "/")

    @property
    def served(self) -> bool:
        """Whether applications read it."""
        return self.name.startswith("serving.")

    @property
    def promise(self) -> str:
        """What each row keeps, as a condition in SQL: no nulls, ranges, known values."""
        return " AND ".join(condition for c in self.columns for condition in c.conditions)
