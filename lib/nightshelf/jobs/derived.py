"""What tables hold of a user without naming them: by ids of their reviews, and in their words."""

from collections.abc import Iterator
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from nightshelf.columns import EVENT_TYPE, QUERY, REVIEW
from nightshelf.ingest.erased import digest_of
from nightshelf.jobs.searching import given_queries
from nightshelf.runs import Run
from nightshelf.search.queries import ASKED, in_one_form
from nightshelf.tables import (
    GOLD_SEARCH_RESULTS,
    REVIEW_SCORES,
    SEARCH_QUERIES,
    SERVING_SEARCH_RESULTS,
    SILVER_EVENTS,
    SILVER_REVIEWS,
    Table,
)


@dataclass(frozen=True)
class Derived:
    """Rows of a table that tell of a user, and the values in them that nobody else brought."""

    table: Table
    rows: Column
    values: tuple[str, ...]


def derived_of(run: Run, is_user: Column) -> Iterator[Derived]:
    """Scores of the user's reviews, and queries that nobody else typed and the shop does not give.

    is_user: of rows with a `user_id`. To be asked while silver.events and .reviews still know them.
    Tables of which none is are left out. Conditions are by digests, as ids of reviews are, since
    Delta writes them into its log.
    """
    if reviews := _reviews_of(run, is_user):
        yield Derived(REVIEW_SCORES, F.col(REVIEW).isin(*reviews), reviews)
    if queries := _queries_of(run, is_user):
        digests = [digest_of(query) for query in queries]
        is_query, is_asked = (F.sha2(name, 256).isin(*digests) for name in (QUERY, ASKED))
        yield Derived(SEARCH_QUERIES, is_query | is_asked, queries)
        for table in (GOLD_SEARCH_RESULTS, SERVING_SEARCH_RESULTS):
            yield Derived(table, is_query, queries)


def _reviews_of(run: Run, is_user: Column) -> tuple[str, ...]:
    if run.store.version(SILVER_REVIEWS) is None:
        return ()
    rows = run.read(SILVER_REVIEWS).where(is_user).select(REVIEW).collect()
    return tuple(row[REVIEW] for row in rows)


def _queries_of(run: Run, is_user: Column) -> tuple[str, ...]:
    """In the one form in which queries are told."""
    if run.store.version(SILVER_EVENTS) is None:
        return ()
    is_typed = (F.col(EVENT_TYPE) == "search") & (F.trim(QUERY) != "")
    typed = run.read(SILVER_EVENTS).where(is_typed)
    others = typed.where(~is_user).select(QUERY).transform(in_one_form)
    if (given := given_queries(run)) is not None:
        others = others.unionByName(given.select(QUERY))
    theirs = typed.where(is_user).select(QUERY).transform(in_one_form).distinct()
    rows = theirs.where(F.col(QUERY) != "").join(others, QUERY, "left_anti").collect()
    return tuple(row[QUERY] for row in rows)
