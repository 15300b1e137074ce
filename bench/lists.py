"""How good a whole night's lists are on real shops, beside item-CF alone: results/lists.json.

    python bench/lists.py [NAME ...]

Each data set's night is run for its day; then later events come in and judge the lists: Amazon
electronics by its validation days, Online Retail by September, MovieLens 1M by its test split, as
in the bench of item-CF. Three systems on the same tables, of the same day: `ranked`, the night as
the data set's file configures it; `blend`, the same candidates without a model or towers; and
`item_cf`, neighbours of the user's items alone, filled up with the trend where they are too few.
Told are the mean nDCG@10 over users with a relevant item, and by how much `ranked` is better than
`item_cf`: the ratio of the means less 1, with the interval that holds 95 % of 2,000 bootstrap
samples of users. Needs the data sets in ../shared/data, and leaves out by name those it lacks.
"""

import json
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from deltalake import DeltaTable
from intervals import ratio
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from report import RESULTS, ROOT, Watched, watch, write

from nightshelf.config import SparkConfig, load
from nightshelf.evaluation.figures import user_metrics
from nightshelf.evaluation.relevant import relevant
from nightshelf.session import build

DATA = ROOT.parent / "shared" / "data"
METRIC = "ndcg@10"
NO_MODEL = ("ctr.enabled=false", "towers.enabled=false")  # its texts still find candidates
SYSTEMS = {
    "blend": NO_MODEL,
    "item_cf": (
        *NO_MODEL,
        "recommend.user_cf_weight=0",
        "recommend.text_weight=0",
        "recommend.category_weight=0",
        "recommend.trending_weight=0.000001",
    ),
}


@dataclass(frozen=True)
class Shop:
    """A data set: its folder, the night's day, and the last day that judges the lists."""

    folder: str
    ds: str
    until: str


SHOPS = {
    "amazon_electronics": Shop("amazon-electronics", "2022-05-27", "2022-09-03"),
    "online_retail": Shop("online-retail", "2011-08-31", "2011-09-30"),
    "ml_1m": Shop("ml-1m", "2000-01-02", "2000-01-03"),
}


def conf(name: str) -> Path:
    """A data set's configuration file."""
    return ROOT / "conf" / "datasets" / f"{name}.yaml"


def by_system(
    root: Path, settings: tuple[str, ...], arguments: tuple[str, ...]
) -> tuple[dict[str, int], Watched]:
    """The versions of gold.recommendations in `root` by system, and how the ranked night went."""
    table, place = str(root / "gold" / "recommendations"), (f"warehouse.root={root}", *settings)
    night = watch("nightly", place, (*arguments, "--to", "recommend"))
    versions = {"ranked": DeltaTable(table).version()}
    for system, own in SYSTEMS.items():
        watch("recommend", (*place, *own), arguments)
        versions[system] = DeltaTable(table).version()
    return versions, night


def lists(root: Path, name: str) -> tuple[dict[str, int], dict[str, Any]]:
    """The versions of gold.recommendations by system, and what the ranked night told."""
    shop, where, memory = SHOPS[name], ("--conf-file", str(conf(name))), "spark.driver_memory=6g"
    versions, night = by_system(root, (memory,), (*where, "--ds", shop.ds))
    watch("ingest", (f"warehouse.root={root}", memory), (*where, "--ds", shop.until))
    steps = {step: line.get("seconds") for step, line in night.steps.items()}
    told = {"night_s": night.seconds, "step_seconds": steps}
    return versions, told | {"ranked_by": night.steps["recommend"].get("ranked_by")}


def judged(
    spark: SparkSession, root: Path, name: str, versions: dict[str, int]
) -> dict[str, np.ndarray[Any, Any]]:
    """nDCG@10 of each judged user, by system; users in the same order."""
    shop, config = SHOPS[name], load(conf(name))
    events = spark.read.format("delta").load(str(root / "silver" / "events"))
    wanted = events.transform(
        relevant(config.evaluate, config.feedback, date.fromisoformat(shop.ds))
    ).cache()
    found = {}
    for system, version in versions.items():
        told = spark.read.format("delta").option("versionAsOf", version)
        rows = told.load(str(root / "gold" / "recommendations")).where(F.col("ds") == shop.ds)
        users = rows.transform(user_metrics(wanted, [10])).orderBy("user_id")
        found[system] = users.select(METRIC).toPandas()[METRIC].to_numpy()
    return found


def measured(name: str) -> dict[str, Any]:
    """The figures of one data set."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        versions, told = lists(root, name)
        spark = build(SparkConfig(master="local[2]", driver_memory="4g"), "lists bench")
        users = judged(spark, root, name, versions)
        spark.stop()
    return {
        **told,
        "users": len(users["ranked"]),
        METRIC: {system: round(float(x.mean()), 4) for system, x in users.items()},
        "ranked_over_item_cf": ratio(users["ranked"], users["item_cf"], 4),
        "blend_over_item_cf": ratio(users["blend"], users["item_cf"], 4),
    }


def main() -> None:
    """Measures the data sets named, or all, and keeps the figures of the others."""
    path = RESULTS / "lists.json"
    figures = json.loads(path.read_text()) if path.exists() else {}
    for name in sys.argv[1:] or SHOPS:
        if not (DATA / SHOPS[name].folder).exists():
            print(f"lists: {name} needs {SHOPS[name].folder} in ../shared/data; left out")
            continue
        figures[name] = measured(name)
        print(f"lists: {name} {json.dumps(figures[name])}", file=sys.stderr)
        told = {shop: figures[shop] for shop in SHOPS if shop in figures}
        write("lists", told)


if __name__ == "__main__":
    main()
