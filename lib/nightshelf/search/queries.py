"""The queries that are ranked: those typed and those given, with variants of a query merged."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import DS, EVENT_TYPE, QUERY, USER, Transform
from nightshelf.search.spelling import Spelling
from nightshelf.search.terms import normalised, stemming, stems, words

TERMS = "terms"
GIVEN = "given"
ASKED = "asked"
"""The query whose results a query gets: of its variants, the one typed most."""


def in_one_form(queries: DataFrame) -> DataFrame:
    """[query, …] -> the same, each query as `terms.normalised` makes it, which may be empty."""

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            place = batch.schema.get_field_index(QUERY)
            told, columns = batch.column(place).dictionary_encode(), batch.columns
            forms = pa.array(map(normalised, told.dictionary.to_pylist()), pa.string())
            columns[place] = forms.take(told.indices)
            yield pa.RecordBatch.from_arrays(columns, batch.schema.names)

    return queries.mapInArrow(task, queries.schema)


def typed(ds: date, days: int, least: int) -> Transform:
    """[silver.events] -> [query, searches, given]: what was typed on the last days, in one form.

    `searches`: by how many users, each counted once a day; at least `least`. given: false.
    """

    def transform(events: DataFrame) -> DataFrame:
        first = ds - timedelta(days=days - 1)
        return (
            events.where((F.col(EVENT_TYPE) == "search") & (F.trim(QUERY) != ""))
            .where(F.col(DS).between(F.lit(first), F.lit(ds)))
            .select(QUERY, USER, DS)
            .transform(in_one_form)
            .groupBy(QUERY)
            .agg(F.countDistinct(USER, DS).alias("searches"))
            .where(F.col("searches") >= least)
            .select(QUERY, "searches", F.lit(False).alias(GIVEN))
        )

    return transform


def given(queries: DataFrame) -> DataFrame:
    """[query], whether typed or not -> [query, searches, given], in one form: 0 and true."""
    none = F.lit(0).cast("bigint").alias("searches")
    return (
        queries.select(QUERY).transform(in_one_form).select(QUERY, none, F.lit(True).alias(GIVEN))
    )


def merged(vocabulary: Mapping[str, int], *, language: str, max_terms: int, most: int) -> Transform:
    """[query, searches, given] -> [query, asked, terms, searches]; one row a query.

    query: in one form. terms: stems of its words, misspelt ones corrected. Queries of the same
    terms, in any order, are variants: `asked` is the one of them that was typed most, whose results
    all get. Queries without a word are left out, and only `most` are kept: the given ones first,
    then those most typed.
    """

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        stem = stemming(language)
        spelling = Spelling(vocabulary, stem)
        for batch in batches:
            told = batch.column(QUERY).to_pylist()
            meant = [[w for word in words(text) for w in spelling(word)] for text in told]
            yield pa.RecordBatch.from_pydict(
                {
                    QUERY: batch.column(QUERY),
                    TERMS: pa.array([stems(w, stem, max_terms) for w in meant]),
                    "is_right": pa.array(
                        [w == words(t) for w, t in zip(meant, told, strict=True)], pa.bool_()
                    ),
                    "searches": batch.column("searches"),
                    GIVEN: batch.column(GIVEN),
                },
            )

    def transform(queries: DataFrame) -> DataFrame:
        schema = (
            f"{QUERY} string, {TERMS} array<string>, is_right boolean, searches bigint, "
            f"{GIVEN} boolean"
        )
        variants = Window.partitionBy(F.array_sort(TERMS)).orderBy(
            F.desc("is_right"), F.desc("searches"), QUERY
        )
        by_use = Window.orderBy(F.desc(GIVEN), F.desc("searches"), QUERY)
        return (
            queries.select(QUERY, "searches", GIVEN)
            .mapInArrow(task, schema)
            .where(F.size(TERMS) > 0)
            .groupBy(QUERY, TERMS, "is_right")
            .agg(F.sum("searches").alias("searches"), F.bool_or(GIVEN).alias(GIVEN))
            .withColumn("place", F.row_number().over(by_use))
            .where(F.col("place") <= most)
            .withColumn(ASKED, F.first(QUERY).over(variants))
            .withColumn(TERMS, F.first(TERMS).over(variants))
            .select(QUERY, ASKED, TERMS, "searches")
        )

    return transform
