"""What ranks a query, for all queries of a night and for one asked ad hoc."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from nightshelf.columns import (
    BRAND,
    CATEGORY,
    EVENT_TYPE,
    ITEM,
    NUMBERS,
    PRICE,
    QUERY,
    RANK,
    SEGMENT,
    TEXT,
    TEXT_HASH,
    USER,
    VECTOR,
    Transform,
)
from nightshelf.errors import MissingInputError
from nightshelf.jobs.search_model import search_judge
from nightshelf.jobs.texts import current_texts, known_texts, known_vectors, text_model
from nightshelf.literals import frame_of
from nightshelf.runs import Run
from nightshelf.search import results, segments
from nightshelf.search.index import Weighing
from nightshelf.search.matching import by_meaning, by_terms, fused
from nightshelf.search.queries import ASKED, TERMS, given, merged
from nightshelf.tables import (
    ITEM_FEATURES,
    ITEM_TEXT,
    SEARCH_INDEX,
    SEARCH_WORDS,
    SILVER_EVENTS,
    SILVER_ITEMS,
    USER_FEATURES,
)
from nightshelf.tables.as_of import items_as_of
from nightshelf.tables.files import literal
from nightshelf.text.judge import JudgeLoader, judgements
from nightshelf.text.model import TextModel
from nightshelf.text.vectors import encoded, telling

CHOSEN = ("click", "view", "cart", "purchase")


def weighing(run: Run) -> Weighing:
    """What words count, as configured."""
    config = run.config.search
    return Weighing(tuple(config.fields.items()), config.language)


def meant(run: Run, words: DataFrame) -> Transform:
    """[query, searches, given] -> [query, asked, terms, searches], by the words that items have.

    words: those of gold.search_words.
    """
    config = run.config.search
    told = words.select("word", "items").toArrow()
    known = dict(zip(told["word"].to_pylist(), told["items"].to_pylist(), strict=True))
    return merged(known, language=config.language, max_terms=config.max_terms, most=config.queries)


def given_queries(run: Run) -> DataFrame | None:
    """[query, searches, given] of the file that the shop names; None where it names none.

    Raises MissingInputError where there is no such file.
    """
    file = run.config.search.given
    if file is None:
        return None
    path = file if "://" in file else str(Path(file).absolute())
    if not run.store.files.exists(path):
        raise MissingInputError(f"search.given: no file {file}; expected a query a line")
    return run.spark.read.text(literal(path)).withColumnRenamed("value", QUERY).transform(given)


@dataclass(frozen=True)
class Searching:
    """What a night's queries are ranked by; each frame is used by every query.

    sold [item_id, category, brand, price]: what may be shown. clicks [item_id, click_through].
    vectors [item_id, vector] of what may be shown, and the model that makes those of queries, where
    the night has them; texts [item_id, text, text_hash], and the fine-tuned model that judges them,
    by its id, likewise. tastes [segment, item_id, taste], where segments differ. kept: what is
    persisted.
    """

    run: Run
    sold: DataFrame
    clicks: DataFrame
    model: TextModel | None
    vectors: DataFrame | None
    tastes: DataFrame | None
    texts: DataFrame | None
    judge: tuple[str, JudgeLoader] | None
    kept: list[DataFrame]

    @property
    def model_id(self) -> str:
        """What the results are told to be made by."""
        if self.judge and self.texts:
            return self.judge[0]
        return self.model.model_id if self.model and self.vectors else "bm25"

    def results(self, queries: DataFrame) -> DataFrame:
        """[asked, terms], one row each -> [query, segment, rank, item_id, score, reason]."""
        config, run = self.run.config.search, self.run
        asked = queries.select(F.col(ASKED).alias(QUERY), TERMS)
        index = run.read(SEARCH_INDEX, on=run.ds)
        words = asked.transform(by_terms(index, self.sold.select(ITEM), config.candidates))
        found = self._keep(fused(words, self._by_meaning(asked)))  # judged, joined with that
        judged = self._keep(
            found.transform(results.with_relevance(self._judged(found), config.judge_weight))
        )
        ranks = results.ranked(
            self.clicks,
            self.tastes,
            results.Weights(config.k, config.click_weight, config.taste_weight),
        )
        return (
            judged.transform(ranks)  # for everyone, and for segments
            .transform(results.with_reasons(queries))
            .select(QUERY, SEGMENT, RANK, ITEM, "score", "reason")
        )

    def _keep(self, frame: DataFrame) -> DataFrame:
        self.kept.append(frame.persist())
        return frame

    def _judged(self, found: DataFrame) -> DataFrame | None:
        """[query, item_id, relevance] of each query's first candidates."""
        if self.judge is None or self.texts is None:
            return None
        pairs = found.transform(results.first(self.run.config.search.rerank))
        dealt = pairs.join(self.texts, ITEM, "inner").repartition(
            self.run.spark.sparkContext.defaultParallelism, QUERY
        )
        return dealt.transform(judgements(self.judge[1]))

    def _by_meaning(self, asked: DataFrame) -> DataFrame | None:
        if self.model is None or self.vectors is None:
            return None
        texts = asked.select(F.col(QUERY).alias(TEXT_HASH), F.col(QUERY).alias(TEXT))
        told = texts.transform(encoded(self.model)).transform(telling)
        vectors = told.select(F.col(TEXT_HASH).alias(QUERY), VECTOR)
        return vectors.transform(by_meaning(self.vectors, self.run.config.search.candidates))


@contextmanager
def searching(run: Run) -> Iterator[Searching]:
    """What the queries of ds are ranked by, kept while in use.

    Raises MissingInputError where ds has no index.
    """
    if not run.store.has(SEARCH_INDEX, run.ds):
        raise MissingInputError(f"{SEARCH_INDEX.name}: no rows of {run.ds}; run build_search_index")
    told = run.read(SILVER_ITEMS).transform(items_as_of(run.ds)).where("available")
    sold = told.select(ITEM, CATEGORY, BRAND, PRICE).persist()
    clicks = _clicks(run).persist()
    texts = _texts(run, sold)
    model, vectors = _vectors(run, texts)
    tastes = _tastes(run, sold)
    judge = search_judge(run)
    kept = [frame for frame in (sold, clicks, vectors, tastes, texts) if frame is not None]
    try:
        yield Searching(run, sold, clicks, model, vectors, tastes, texts, judge, kept)
    finally:
        for frame in kept:
            frame.unpersist()


def ask(run: Run, typed: str, segment: str = segments.EVERYONE) -> list[Row]:
    """The results of one query, ranked now by the tables of the run's ds: [rank, item_id, …].

    By the same code and in the same order as the night's. An unknown segment gets what everyone
    gets. Raises MissingInputError where ds has no index.
    """
    with searching(run) as made:
        one = frame_of(run.spark, [(typed,)], f"{QUERY} string").transform(given)
        queries = one.transform(meant(run, run.read(SEARCH_WORDS, on=run.ds)))
        found = made.results(queries).where(F.col(SEGMENT).isin(segment, segments.EVERYONE))
        rows = found.orderBy(RANK).collect()
    own = [row for row in rows if row[SEGMENT] == segment]
    return own or [row for row in rows if row[SEGMENT] == segments.EVERYONE]


def _clicks(run: Run) -> DataFrame:
    """[item_id, click_through]: corrected for positions, as shares of what is expected of them."""
    if not run.store.has(ITEM_FEATURES, run.ds):
        return frame_of(run.spark, [], f"{ITEM} string, {results.CLICK} double")
    told = F.col(NUMBERS)[results.CLICK].alias(results.CLICK)
    return run.read(ITEM_FEATURES, on=run.ds).select(ITEM, told)


def _texts(run: Run, sold: DataFrame) -> DataFrame | None:
    """[item_id, text, text_hash] of what may be shown."""
    known = known_texts(run)
    if known is None:
        return None
    return known.transform(current_texts).join(sold.select(ITEM), ITEM, "left_semi").persist()


def _vectors(run: Run, texts: DataFrame | None) -> tuple[TextModel | None, DataFrame | None]:
    if texts is None or not run.config.text.enabled or run.store.version(ITEM_TEXT) is None:
        return None, None
    model = text_model(run)
    known = known_vectors(run, model, run.ds).transform(telling)
    vectors = texts.join(known, TEXT_HASH, "inner").select(ITEM, VECTOR).persist()
    return (None, None) if vectors.isEmpty() else (model, vectors)


def _tastes(run: Run, sold: DataFrame) -> DataFrame | None:
    config = run.config.search
    if not (config.segment and config.taste_weight and run.store.has(USER_FEATURES, run.ds)):
        return None
    users = run.read(USER_FEATURES, on=run.ds).transform(segments.segments(config.segment))
    chosen = run.read(SILVER_EVENTS, until=run.ds).where(F.col(EVENT_TYPE).isin(*CHOSEN))
    return sold.transform(segments.tastes(chosen.select(USER, ITEM), users)).persist()
