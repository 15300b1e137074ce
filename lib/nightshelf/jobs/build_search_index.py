"""Search's index: items' texts and typed queries -> gold.search_index, _words and _queries."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, ITEM
from nightshelf.jobs.searching import given_queries, meant, weighing
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.search.index import counted, index, vocabulary
from nightshelf.search.queries import typed
from nightshelf.tables import (
    SEARCH_INDEX,
    SEARCH_QUERIES,
    SEARCH_WORDS,
    SILVER_EVENTS,
    SILVER_ITEMS,
)
from nightshelf.tables.as_of import items_as_of
from nightshelf.text.documents import PARTS


def run(run: Run) -> None:
    """Publishes the inverted index of all items as of ds, and the queries that will be ranked."""
    if not run.config.search.enabled:
        raise Skipped("search.enabled is false")
    if run.store.version(SILVER_ITEMS) is None:
        raise Skipped("the shop tells nothing of its items")
    config = run.config.search
    items = run.read(SILVER_ITEMS).transform(items_as_of(run.ds)).select(ITEM, *PARTS)
    named = items.where(" OR ".join(f"trim({name}) != ''" for name in PARTS))
    texts = named.transform(counted(weighing(run))).persist()  # indexed, their words told
    if texts.isEmpty():
        raise Skipped("the shop tells no texts of its items")
    run.rows_in = texts.count()
    today = F.lit(run.ds).alias(DS)
    terms = texts.transform(index(config.saturation, config.length_share))
    run.publish(terms.select("*", today), SEARCH_INDEX)
    words = texts.transform(vocabulary).persist()  # published, then corrected by
    run.publish(words.select("*", today), SEARCH_WORDS)
    queries = _asked(run).transform(meant(run, words)).persist()
    run.tell(queries=run.publish(queries.select("*", today), SEARCH_QUERIES))


def _asked(run: Run) -> DataFrame:
    """[query, searches, given]: typed by shoppers, and given by the shop."""
    config = run.config.search
    events = run.read(SILVER_EVENTS, until=run.ds)
    seen = events.transform(typed(run.ds, config.query_days, config.min_searches))
    given = given_queries(run)
    return seen if given is None else seen.unionByName(given)


JOB = Job("build_search_index", run, writes=(SEARCH_INDEX, SEARCH_WORDS, SEARCH_QUERIES))
main = single(JOB)
