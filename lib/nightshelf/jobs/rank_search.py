"""Search results: gold.search_queries and the index -> gold. and serving.search_results."""

from pyspark.sql import functions as F

from nightshelf.columns import DS, ITEM, MODEL_ID, QUERY, RANK, REASON, RUN_ID, SCORE, SEGMENT
from nightshelf.jobs.auditing import steady
from nightshelf.jobs.searching import searching
from nightshelf.jobs.serving import serve
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.search.queries import ASKED, TERMS
from nightshelf.tables import GOLD_SEARCH_RESULTS, SEARCH_QUERIES, SERVING_SEARCH_RESULTS
from nightshelf.tables.commits import LENGTH


def run(run: Run) -> None:
    """Publishes the results of every query of ds, to readers too unless they have later ones."""
    if not run.config.search.enabled:
        raise Skipped("search.enabled is false")
    if not run.store.has(SEARCH_QUERIES, run.ds):
        raise Skipped(f"{SEARCH_QUERIES.name} has no queries of {run.ds}")
    queries = run.read(SEARCH_QUERIES, on=run.ds)
    asked = queries.where(F.col(QUERY) == F.col(ASKED)).select(ASKED, TERMS)
    variants = queries.select(QUERY, ASKED)
    run.rows_in = queries.count()
    with searching(run) as made:
        told = {MODEL_ID: made.model_id, RUN_ID: run.run_id}
        found = made.results(asked).withColumnRenamed(QUERY, ASKED)
        lists = found.join(variants, ASKED, "inner").select(
            QUERY, SEGMENT, RANK, ITEM, SCORE, REASON,
            *(F.lit(value).alias(name) for name, value in told.items()),
            F.lit(run.ds).alias(DS),
        )  # fmt: skip
        k = run.config.search.k
        check = steady(run, GOLD_SEARCH_RESULTS, k)
        run.publish(lists, GOLD_SEARCH_RESULTS, about={LENGTH: k}, check=check)
        run.tell(queries=run.rows_in, found_by=made.model_id)
    serve(run, SERVING_SEARCH_RESULTS)


JOB = Job("rank_search", run, writes=(GOLD_SEARCH_RESULTS, SERVING_SEARCH_RESULTS))
main = single(JOB)
