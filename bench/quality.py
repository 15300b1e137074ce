"""How good item-CF's lists are on MovieLens, beside implicit and an EASE in plain numpy.

Writes results/quality.json. MovieLens 1M, nDCG@10: every rating is a 1; learnt from `train`; the
number of neighbours, of items or of users, and EASE's lambda and noise are chosen by the nDCG of
`valid`; for `test` the history is `train` and `valid`, whose items are left out; all other items
are ranked. The peers go by the same rules. MovieLens 100K: 75/25 by user, seed 42, lists of 10, 50
neighbours, EASE and user-based CF as they are by default.
Histories are scored as in a night. Needs the data sets in ../shared/data and says so without them.
"""

import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from peers.environment import run_peer
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from report import ROOT, write

from nightshelf.cf.ease import Ease
from nightshelf.cf.histories import from_pairs
from nightshelf.cf.item_neighbours import neighbours
from nightshelf.cf.plan import Limits
from nightshelf.cf.scoring import best_unseen
from nightshelf.cf.similarities import Similarity
from nightshelf.cf.user_based import Likeness, best_of_similar_users
from nightshelf.columns import Transform
from nightshelf.config import SparkConfig
from nightshelf.evaluation.figures import user_metrics
from nightshelf.session import build

DATA = ROOT.parent / "shared" / "data"
SIMILARITIES: tuple[Similarity, ...] = ("cosine", "tfidf", "bm25", "jaccard")
KS = (20, 50, 100, 200)
EASE_KS = (200, 4_000)
USER_KS = (50, 200)
EASE = tuple(Ease(10_000, penalty, noise) for penalty in (500.0, 1_000.0) for noise in (0.0, 0.5))
AT = 10
PARTS = 4


def packed(pairs: DataFrame) -> DataFrame:
    """[user_id, item_id] -> packed histories of weight 1, kept."""
    return pairs.withColumn("weight", F.lit(1.0)).transform(from_pairs(PARTS)).persist()


def learnt(
    histories: DataFrame, similarity: Similarity, k: int, ease: Ease | None = None
) -> DataFrame:
    """The neighbours, kept."""
    return neighbours(
        histories,
        similarity=similarity,
        k=k,
        shrinkage=0.0,
        min_co_users=1,
        limits=Limits(blocks=2),
        ease=ease,
    ).persist()


def strongest(near: DataFrame, k: int) -> DataFrame:
    """Each item's k neighbours that are furthest from 0, as if only those had been kept."""
    order = Window.partitionBy("item_id").orderBy(F.desc(F.abs("similarity")), "neighbour_id")
    return near.withColumn("place", F.row_number().over(order)).where(F.col("place") <= k)


def by_items(near: DataFrame) -> Transform:
    """Packed histories -> lists of 10 unseen items, by item-CF."""
    return lambda history: history.transform(best_unseen(near, history, n=AT, parts=PARTS))


def by_users(likeness: Likeness) -> Transform:
    """Packed histories -> lists of 10 unseen items, by user-based CF."""
    return lambda history: history.transform(
        best_of_similar_users(likeness, history, n=AT, parts=PARTS)
    )


def judged(lists: DataFrame, relevant: DataFrame) -> dict[str, float]:
    """Means over the users with a relevant item of the metrics of 10 items."""
    metrics = lists.transform(user_metrics(relevant, [AT]))
    names = [name for name in metrics.columns if name.endswith(f"@{AT}")]
    found = metrics.agg(*(F.avg(name).alias(name) for name in names)).collect()[0]
    return {name: round(found[name], 4) for name in names}


def chosen(
    models: Iterable[tuple[dict[str, Any], Transform]],
    splits: dict[str, DataFrame],
    histories: dict[str, DataFrame],
) -> dict[str, Any]:
    """The test figures of the model that is best on valid, and what was chosen."""
    best: tuple[float, dict[str, Any], Transform] | None = None
    for told, listed in models:
        value = judged(histories["train"].transform(listed), splits["valid"])[f"ndcg@{AT}"]
        if best is None or value > best[0]:
            best = (value, told, listed)
    assert best is not None
    value, told, listed = best
    tested = judged(histories["both"].transform(listed), splits["test"])
    return {**tested, "valid_ndcg@10": value, "chosen": told}


def movielens_1m(spark: SparkSession, ratings: Path) -> dict[str, Any]:
    """The figures of each similarity, with the choice made on valid."""
    told = spark.read.parquet(str(ratings)).selectExpr(
        "string(user_id) user_id", "string(item_id) item_id", "split"
    )
    splits = {n: told.where(F.col("split") == n).persist() for n in ("train", "valid", "test")}
    histories = {
        "train": packed(splits["train"]),
        "both": packed(told.where(F.col("split") != "test")),
    }
    figures = {}
    for similarity in SIMILARITIES:
        near = learnt(histories["train"], similarity, max(KS))
        models = (({"k": k}, by_items(near.where(F.col("rank") <= k))) for k in KS)
        figures[similarity] = chosen(models, splits, histories)
    solved = {ease: learnt(histories["train"], "ease", max(EASE_KS), ease) for ease in EASE}
    models = (
        (
            {"lambda": ease.regularisation, "noise": ease.noise, "k": k},
            by_items(strongest(near, k)),
        )
        for (ease, near), k in product(solved.items(), EASE_KS)
    )
    figures["ease"] = chosen(models, splits, histories)
    users = (({"k": k}, by_users(Likeness(k=k))) for k in USER_KS)
    figures["user_based"] = chosen(users, splits, histories)
    return figures


def movielens_100k(spark: SparkSession, interactions: Path) -> dict[str, Any]:
    """The figures of each similarity, nothing chosen."""
    rows = pd.read_csv(interactions, sep="\t").iloc[:, :2].astype(str)
    rows.columns = pd.Index(["user_id", "item_id"])
    rows = rows.sample(frac=1.0, random_state=42)
    place = rows.groupby("user_id").cumcount()
    size = rows.groupby("user_id")["item_id"].transform("size")
    rows["is_test"] = place >= np.rint(0.75 * size)
    told = spark.createDataFrame(rows)
    train = packed(told.where("NOT is_test"))
    test = told.where("is_test").select("user_id", "item_id").persist()
    models: dict[str, Transform] = {
        name: by_items(learnt(train, name, 4_000 if name == "ease" else 50))
        for name in (*SIMILARITIES, "ease")
    }
    models["user_based"] = by_users(Likeness())
    return {name: judged(train.transform(listed), test) for name, listed in models.items()}


def main() -> None:
    """Measures ours, then the peers."""
    ratings = DATA / "ml-1m" / "ratings.parquet"
    interactions = DATA / "ml-100k" / "ml-100k.inter.gz"
    if not (ratings.exists() and interactions.exists()):
        sys.exit(f"quality: needs ml-1m and ml-100k in {DATA.relative_to(ROOT.parent)}; left out")
    spark = build(SparkConfig(master="local[2]", shuffle_partitions=4), "quality")
    figures = {
        "ml_1m": movielens_1m(spark, ratings),
        "ml_100k": movielens_100k(spark, interactions),
    }
    spark.stop()
    figures["ml_1m_peers"] = run_peer("implicit", "implicit_quality", ratings)
    print(write("quality", figures).read_text())


if __name__ == "__main__":
    main()
