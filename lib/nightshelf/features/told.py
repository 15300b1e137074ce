"""What was told of items as of many days at once."""

from collections.abc import Sequence
from typing import Final

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from nightshelf.columns import BRAND, CATEGORY, DESCRIPTION, DS, ITEM, PRICE, TITLE, Transform

TEXTS: Final = ("title_words", "title_letters", "description_words")


def facts(items: DataFrame) -> DataFrame:
    """[silver.items] -> [item_id, category, brand, price, launch_date, text statistics, ds].

    Null where a row does not tell. Prices are above 0. Words are runs of anything but white space,
    letters are those of any alphabet.
    """
    price = F.when((F.col(PRICE) > 0) & ~F.isnan(PRICE), F.col(PRICE))
    return items.select(
        ITEM,
        *(_unless_blank(name).alias(name) for name in (CATEGORY, BRAND)),
        price.alias(PRICE),
        "launch_date",
        _words(TITLE).alias("title_words"),
        F.length(F.regexp_replace(TITLE, r"\P{L}", "")).alias("title_letters"),
        _words(DESCRIPTION).alias("description_words"),
        DS,
    )


def _unless_blank(name: str) -> Column:
    return F.when(F.trim(name) != "", F.col(name))


def _words(name: str) -> Column:
    return F.regexp_count(name, F.lit(r"\S+"))


def told_as_of(told: DataFrame, names: Sequence[str]) -> Transform:
    """[item_id, ds, …] -> the same and the named facts: the newest of each told up to ds, or null.

    told: `facts`, and others like them. One row an (item, ds) of those asked for; rows of `told`
    with the same (item, ds) tell different facts.
    """

    def transform(asked: DataFrame) -> DataFrame:
        newest = {name: _newest(name) for name in names}
        return _stacked(asked, told, names).withColumns(newest).where("asked = 1").drop("asked")

    return transform


def told_since(told: DataFrame, names: Sequence[str]) -> Transform:
    """[item_id, ds] -> the same, the named facts and, of each, `<name>_since` DATE.

    The newest told up to ds, since ds; where there is none, what was told first and the later day
    on which it was; null where it never was.
    """

    def transform(asked: DataFrame) -> DataFrame:
        ever = Window.partitionBy(ITEM)
        first = {
            f"{name}_first": F.min(
                F.when(F.col(name).isNotNull(), F.struct(DS, F.col(name).alias("value")))
            ).over(ever)
            for name in names
        }
        newest = {f"{name}_newest": _newest(name) for name in names}
        found = _stacked(asked, told, names).withColumns(first | newest).where("asked = 1")
        return found.select(ITEM, DS, *(column for name in names for column in _since(name)))

    return transform


def _since(name: str) -> Sequence[Column]:
    newest, first = F.col(f"{name}_newest"), F.col(f"{name}_first")
    return (
        F.coalesce(newest, first["value"]).alias(name),
        F.when(newest.isNotNull(), F.col(DS)).otherwise(first[DS]).alias(f"{name}_since"),
    )


def _stacked(asked: DataFrame, told: DataFrame, names: Sequence[str]) -> DataFrame:
    """Both frames' rows; `asked` is 1 for those that ask, which come after what a day tells."""
    rows = told.select(ITEM, DS, *names).withColumn("asked", F.lit(0))
    return rows.unionByName(asked.withColumn("asked", F.lit(1)), allowMissingColumns=True)


def _newest(name: str) -> Column:
    so_far = _by_day().rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return F.last(name, ignorenulls=True).over(so_far)


def _by_day() -> WindowSpec:
    return Window.partitionBy(ITEM).orderBy(DS, "asked")
