"""How well the night's results of a simulated shop answer what its shoppers meant.

The shop of `make nightly`, whose queries ask for a planted kind of product. An item of
that kind is worth the probability that a shopper of mean price sensitivity likes it, others are
worth nothing: nDCG@10 over the shop's queries, right and misspelt, of the night's results for
everyone (`night`); of the same without the model that judges again (`not_judged`); of words alone
with our spelling (`words`); and of words as they are typed (`bm25`). `examples` shows the first
results of the query that gained the median from `bm25` to `night`, of the misspelt one that did,
and of the one that lost the most: results/search.svg.
"""

import tempfile
from pathlib import Path
from typing import Any

import duckdb
import matplotlib as mpl
import numpy as np
from deltalake import DeltaTable
from intervals import ratio
from report import ROOT, watch

from nightshelf.config import SimulateConfig, load
from nightshelf.search.terms import normalised
from nightshelf.simulate import words as planted
from nightshelf.simulate.world import world

LAST = "2026-01-30"  # the night of the simulated shop
SHOWN = 5
WORDS = ("text.enabled=false", "search.click_weight=0", "search.segment=null", "search.rerank=0")
SYSTEMS = {"not_judged": ("search.rerank=0",), "words": WORDS}
Scores = np.ndarray[Any, Any]


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
