"""What tables hold of a user without naming them: by ids of their reviews, and in their words."""

from collections.abc import Iterator
from contextlib import suppress

from pyspark.sql import Column
from pyspark.sql import functions as F

from nightshelf.columns import EVENT_TYPE, QUERY, REVIEW
from nightshelf.errors import MissingInputError
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


def derived_of(run: Run, is_user: Column) -> Iterator[tuple[Table, Column]]:
    """Tables, and which of their rows tell of a user.

    Scores of their reviews, and queries that nobody else typed and the shop does not give. Tables
    without such rows are left out. is_user: of rows with a `user_id`. To be asked while
    silver.events and .reviews still know them. Conditions are by digests, as ids of reviews are,
    since Delta writes them into its log.
    """
    if reviews := _reviews_of(run, is_user):
        yield REVIEW_SCORES, F.col(REVIEW).isin(*reviews)
    if queries := _queries_of(run, is_user):
        digests = [digest_of(query) for query in queries]
        is_query, is_asked = (F.sha2(name, 256).isin(*digests) for name in (QUERY, ASKED))
        yield SEARCH_QUERIES, is_query | is_asked
        yield GOLD_SEARCH_RESULTS, is_query
        yield SERVING_SEARCH_RESULTS, is_query


def _reviews_of(run: Run, is_user: Column) -> list[str]:
    if run.store.version(SILVER_REVIEWS) is None:
        return []
    rows = run.read(SILVER_REVIEWS).where(is_user).select(REVIEW).collect()
    return [row[REVIEW] for row in rows]


def _queries_of(run: Run, is_user: Column) -> list[str]:
    """In the one form in which queries are told."""
    if run.store.version(SILVER_EVENTS) is None:
        return []
    is_typed = (F.col(EVENT_TYPE) == "search") & (F.trim(QUERY) != "")
    typed = run.read(SILVER_EVENTS).where(is_typed)
    others = typed.where(~is_user).select(QUERY).transform(in_one_form)
    # Where its file is gone, a query that the shop gives goes, too: a later night has it again.
    with suppress(MissingInputError):
        given = given_queries(run)
        others = others if given is None else others.unionByName(given.select(QUERY))
    theirs = typed.where(is_user).select(QUERY).transform(in_one_form).distinct()
    rows = theirs.where(F.col(QUERY) != "").join(others, QUERY, "left_anti").collect()
    return [row[QUERY] for row in rows]
