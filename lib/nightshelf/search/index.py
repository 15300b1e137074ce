"""The inverted index: which items have a term, and what that is worth (BM25)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, Transform
from nightshelf.search.terms import stemming, words

TERM = "term"
IMPACT = "impact"


@dataclass(frozen=True)
class Weighing:
    """Of BM25: how often a word of a field counts, k1 and b; by which language's rules to stem."""

    fields: tuple[tuple[str, int], ...]
    saturation: float
    length_share: float
    language: str


def index(weighing: Weighing) -> Transform:
    """[item_id, <texts>] -> [term, item_id, impact]; one row a term of an item.

    Impact: what the term adds to the score of the item where a query has it (Robertson and Zaragoza
    2009, "The Probabilistic Relevance Framework: BM25 and Beyond"; a word counts as often as its
    field says, as in BM25F). The texts are read twice: cache what is costly.
    """

    def transform(items: DataFrame) -> DataFrame:
        counted = items.transform(_counted(weighing))
        terms = counted.select(ITEM, "length", F.explode("counts").alias(TERM, "times"))
        shop = counted.agg(F.count("*").alias("items"), F.avg("length").alias("mean_length"))
        having = terms.groupBy(TERM).agg(F.count("*").alias("having"))
        rarity = F.log1p((F.col("items") - F.col("having") + 0.5) / (F.col("having") + 0.5))
        b, k1 = weighing.length_share, weighing.saturation
        longer = F.lit(1.0 - b) + F.lit(b) * F.col("length") / F.col("mean_length")
        often = F.col("times") * (k1 + 1.0) / (F.col("times") + F.lit(k1) * longer)
        return (
            terms.join(having, TERM, "inner")
            .crossJoin(F.broadcast(shop))
            .select(TERM, ITEM, (rarity * often).alias(IMPACT))
        )

    return transform


def vocabulary(weighing: Weighing) -> Transform:
    """[item_id, <texts>] -> [word, items]: words as they are written, and in how many items."""

    def transform(items: DataFrame) -> DataFrame:
        names = list(_names(weighing))

        def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                texts = zip(*(batch.column(name).to_pylist() for name in names), strict=True)
                found = [sorted({w for text in own if text for w in words(text)}) for own in texts]
                yield pa.RecordBatch.from_arrays([pa.array(found, pa.list_(pa.string()))], ["own"])

        told = items.select(*names).mapInArrow(task, "own array<string>")
        return (
            told.select(F.explode("own").alias("word"))
            .groupBy("word")
            .agg(F.count("*").alias("items"))
        )

    return transform


def _names(weighing: Weighing) -> Iterator[str]:
    return (name for name, weight in weighing.fields if weight)


def _counted(weighing: Weighing) -> Transform:
    """[item_id, <texts>] -> [item_id, length, counts map<string, int>], weighed by field."""
    names, weights = list(_names(weighing)), dict(weighing.fields)

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        stem = stemming(weighing.language)
        for batch in batches:
            counts: list[list[tuple[str, int]]] = []
            for texts in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
                own: Counter[str] = Counter()
                for name, text in zip(names, texts, strict=True):
                    for word in words(text or ""):
                        own[stem(word)] += weights[name]
                counts.append(sorted(own.items()))
            yield pa.RecordBatch.from_pydict(
                {
                    ITEM: batch.column(ITEM),
                    "length": pa.array([sum(n for _, n in own) for own in counts], pa.int64()),
                    "counts": pa.array(counts, pa.map_(pa.string(), pa.int64())),
                }
            )

    schema = f"{ITEM} string, length bigint, counts map<string, bigint>"
    return lambda items: items.select(ITEM, *names).mapInArrow(task, schema)
