"""What the text of an item is, and when it changed; how a text is cleaned for a model."""

import html
import re
import unicodedata
from typing import Final

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from nightshelf.columns import (
    BRAND,
    CATEGORY,
    DESCRIPTION,
    DS,
    ITEM,
    PRAISE,
    TEXT,
    TEXT_HASH,
    TITLE,
    Transform,
)

PARTS: Final = (TITLE, BRAND, CATEGORY, DESCRIPTION)
"""What a text is made of, the most telling first: a long text is cut at its end."""

_TAGS: Final = re.compile(r"<(?:[a-zA-Z/!?][^<>]{0,1000})?>")
_SPACE: Final = re.compile(r"\s+")


def item_texts(praise: DataFrame | None = None) -> Transform:
    """[silver.items] -> [item_id, ds, text, text_hash]; one row a day on which a text changed.

    The text is of the newest title, brand, category and description told up to the day, a line
    each, as they came; and of the newest praise: [item_id, ds, praise], one row an (item, ds).
    Items without any have no row.
    """
    until = so_far()
    names = (*PARTS, PRAISE) if praise is not None else PARTS
    newest = {name: F.last(_unless_blank(name), ignorenulls=True).over(until) for name in names}
    before = F.lag(TEXT_HASH).over(Window.partitionBy(ITEM).orderBy(DS))

    def transform(items: DataFrame) -> DataFrame:
        told = items.select(ITEM, DS, *PARTS)
        return (
            (told if praise is None else told.join(praise, [ITEM, DS], "full"))
            .withColumns(newest)
            .select(ITEM, DS, F.concat_ws("\n", *names).alias(TEXT))
            .where(F.col(TEXT) != "")
            .withColumn(TEXT_HASH, F.sha2(TEXT, 256))
            .withColumn("before", before)
            .where(F.col("before").isNull() | (F.col("before") != F.col(TEXT_HASH)))
            .select(ITEM, DS, TEXT, TEXT_HASH)
        )

    return transform


def so_far() -> WindowSpec:
    """Of an item, the rows of days up to a row's own."""
    by_day = Window.partitionBy(ITEM).orderBy(DS)
    return by_day.rowsBetween(Window.unboundedPreceding, Window.currentRow)


def _unless_blank(name: str) -> Column:
    return F.when(F.trim(name) != "", F.col(name))


def cleaned(text: str, letters: int) -> str:
    """The text as a model reads it, at most `letters` long.

    Without HTML's tags and entities and without control characters; compatible forms of a letter
    are one (NFKC), and runs of white space are a space.
    """
    # What is cut away need not be cleaned: tags and entities are at most about as long as text.
    text = html.unescape(_TAGS.sub(" ", text[: 8 * letters]))
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return _SPACE.sub(" ", text).strip()[:letters]
