"""What users wrote about items, as a shop's own sources tell it."""

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, ITEM, RATING, REVIEW, REVIEW_TS, TEXT, TITLE, USER, Transform
from nightshelf.config import ReviewSource
from nightshelf.ingest.mapping import Pseudonym, field, timestamp
from nightshelf.ingest.references import value
from nightshelf.ingest.sources import Reader

_TOLD = (ITEM, USER, REVIEW_TS, RATING, TEXT)


def deliver_reviews(
    reader: Reader, sources: Sequence[ReviewSource], pseudonym: Pseudonym
) -> DataFrame:
    """[silver.reviews] of all review sources, one row a source row, none left out."""
    frames = [
        rows.transform(mapped_reviews(source, pseudonym))
        for source, rows in reader.each(sources, "reviews")
    ]
    return reduce(DataFrame.unionByName, frames)


def mapped_reviews(source: ReviewSource, pseudonym: Pseudonym = None) -> Transform:
    """[a review source's columns] -> [silver.reviews], one row a source row.

    The title is the text's first line. What a row does not tell, or tells wrongly, is null.
    """

    def transform(rows: DataFrame) -> DataFrame:
        told: dict[str, Column] = {name: value(ref) for name, ref in source.columns.items()}
        user, rating = field(told, USER), field(told, RATING).try_cast("double")
        parts = (field(told, name) for name in (TITLE, TEXT))
        text = F.concat_ws("\n", *(F.when(F.trim(part) != "", part) for part in parts))
        return (
            rows.select(
                told[ITEM].alias(ITEM),
                (user if pseudonym is None else pseudonym(user)).alias(USER),
                timestamp(source, told[REVIEW_TS]).alias(REVIEW_TS),
                F.when(rating.between(-1e6, 1e6), rating).alias(RATING),
                F.when(text != "", text).alias(TEXT),
            )
            .withColumn(REVIEW, F.md5(F.to_json(F.struct(*_TOLD))))
            .withColumn(DS, F.to_date(REVIEW_TS))
            .select(REVIEW, *_TOLD, DS)
        )

    return transform


def usable(reviews: DataFrame) -> DataFrame:
    """The reviews that have an item, a time and a text, each once."""
    there = F.col(ITEM).isNotNull() & (F.trim(ITEM) != "")
    return reviews.where(
        there & F.col(REVIEW_TS).isNotNull() & F.col(TEXT).isNotNull()
    ).dropDuplicates([REVIEW])
