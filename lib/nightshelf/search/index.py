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
WORDS = "words"


@dataclass(frozen=True)
class Weighing:
    """How often a word of each field counts; by which language's rules words are stemmed."""

    fields: tuple[tuple[str, int], ...]
    language: str


def counted(weighing: Weighing) -> Transform:
    """[item_id, <texts>] -> [item_id, length, counts map<string, bigint>, words array<string>].

    counts: how often each stem is in the item's texts, weighed by field; length is their sum.
    words: the distinct words as they are written.
    """
    weights = {name: weight for name, weight in weighing.fields if weight}

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        stem = stemming(weighing.language)
        for batch in batches:
            counts, written = [], []
            for texts in zip(*(batch.column(name).to_pylist() for name in weights), strict=True):
                own: Counter[str] = Counter()
                for text, weight in zip(texts, weights.values(), strict=True):
                    for word in words(text or ""):
                        own[word] += weight
                stems: Counter[str] = Counter()
                for word, times in own.items():
                    stems[stem(word)] += times
                counts.append(sorted(stems.items()))
                written.append(sorted(own))
            yield pa.RecordBatch.from_pydict(
                {
                    ITEM: batch.column(ITEM),
                    "length": pa.array([sum(n for _, n in own) for own in counts], pa.int64()),
                    "counts": pa.array(counts, pa.map_(pa.string(), pa.int64())),
                    WORDS: pa.array(written, pa.list_(pa.string())),
                }
            )

    schema = f"{ITEM} string, length bigint, counts map<string, bigint>, {WORDS} array<string>"
    return lambda items: items.select(ITEM, *weights).mapInArrow(task, schema)


def index(saturation: float, length_share: float) -> Transform:
    """[`counted` items] -> [term, item_id, impact]; one row a term of an item.

    Impact: what the term adds to the score of the item where a query has it (Robertson and Zaragoza
    2009, "The Probabilistic Relevance Framework: BM25 and Beyond", whose k1 and b these are; a word
    counts as often as its field says, as in BM25F). Reads the items three times: cache them.
    """

    def transform(items: DataFrame) -> DataFrame:
        terms = items.select(ITEM, "length", F.explode("counts").alias(TERM, "times"))
        shop = items.agg(F.count("*").alias("items"), F.avg("length").alias("mean_length"))
        having = terms.groupBy(TERM).agg(F.count("*").alias("having"))
        rarity = F.log1p((F.col("items") - F.col("having") + 0.5) / (F.col("having") + 0.5))
        b, k1 = length_share, saturation
        longer = F.lit(1.0 - b) + F.lit(b) * F.col("length") / F.col("mean_length")
        often = F.col("times") * (k1 + 1.0) / (F.col("times") + F.lit(k1) * longer)
        return (
            terms.join(having, TERM, "inner")
            .crossJoin(F.broadcast(shop))
            .select(TERM, ITEM, (rarity * often).alias(IMPACT))
        )

    return transform


def vocabulary(items: DataFrame) -> DataFrame:
    """[`counted` items] -> [word, items]: in how many items each word is."""
    return (
        items.select(F.explode(WORDS).alias("word"))
        .groupBy("word")
        .agg(F.count("*").alias("items"))
    )
