"""Two sets for click models in one neutral form, so that ours and the peers see the same rows.

Writes `train.parquet`, `valid.parquet`, `test.parquet`, an INT column a field and a FLOAT `label`,
and `fields.json`: the fields' names and numbers of ids. Ids: 0 for a value seen less than
`MIN_COUNT` times in train, or never; then 1, 2, ... by the value's place in order.

ml_1m: rating >= 4 is 1, 3 is dropped, less is 0; 8:1:1 at random, seed 42. Fields: user_id,
item_id, gender, age, occupation, zip, year (of the title) and genres (each set of genres is a
value, since our models have no fields of many values).
frappe: the first labelled file divided 80:20 into train and valid at random, seed 42; the second
is the test. Its ten fields, in the order of the lines.
"""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

SPLITS = ("train", "valid", "test")
LABEL = "label"
MIN_COUNT = 2
SEED = 42
FRAPPE = ("user_id", "item_id", "daytime", "weekday", "isweekend", "homework", "cost")
FRAPPE += ("weather", "country", "city")

Splits = dict[str, pd.DataFrame]


def prepare(name: str, data: Path, folder: Path, *, rows: int | None = None) -> Path:
    """Writes the set to the folder, which is returned; `rows`: no more than the first so many."""
    splits = encoded(SETS[name](data))
    folder.mkdir(parents=True, exist_ok=True)
    for split, frame in splits.items():
        frame.head(rows or len(frame)).to_parquet(folder / f"{split}.parquet", index=False)
    fields = [column for column in splits["train"].columns if column != LABEL]
    sizes = {field: int(splits["train"][field].max()) + 1 for field in fields}
    (folder / "fields.json").write_text(json.dumps(sizes))
    return folder


def encoded(splits: Splits) -> Splits:
    """Values -> ids, by what is in train."""
    train = splits["train"]
    told: Splits = {split: pd.DataFrame() for split in SPLITS}
    for field in train.columns:
        if field == LABEL:
            for split in SPLITS:
                told[split][field] = splits[split][field].astype(np.float32)
            continue
        counts = train[field].value_counts()
        kept = sorted(counts[counts >= MIN_COUNT].index)
        ids = {value: place + 1 for place, value in enumerate(kept)}
        for split in SPLITS:
            told[split][field] = splits[split][field].map(ids).fillna(0).astype(np.int32)
    return told


def movielens(data: Path) -> Splits:
    """MovieLens 1M's ratings with what is told of users and films."""
    folder = data / "ml-1m"
    ratings = pd.read_parquet(folder / "ratings.parquet", columns=["user_id", "item_id", "rating"])
    ratings = ratings.astype({"user_id": int, "item_id": int, "rating": float})
    ratings = ratings[ratings["rating"] != 3].sort_values(["user_id", "item_id"])
    users = _table(folder / "users.dat.gz", ["user_id", "gender", "age", "occupation", "zip"])
    films = _table(folder / "movies.dat.gz", ["item_id", "title", "genres"])
    films["year"] = films["title"].str.extract(r"\((\d{4})\)\s*$", expand=False).fillna("")
    told = ratings.merge(users, on="user_id", how="left")
    told = told.merge(films.drop(columns="title"), on="item_id", how="left")
    told[LABEL] = (told["rating"] >= 4).astype(float)
    told = told.drop(columns="rating").sample(frac=1.0, random_state=SEED)
    first, second = int(0.8 * len(told)), int(0.9 * len(told))
    return dict(zip(SPLITS, (told[:first], told[first:second], told[second:]), strict=True))


def frappe(data: Path) -> Splits:
    """Frappe's two labelled files."""
    first = _libfm(data / "frappe" / "frappe.validation.libfm.gz")
    first = first.sample(frac=1.0, random_state=SEED)
    cut = int(0.8 * len(first))
    test = _libfm(data / "frappe" / "frappe.test.libfm.gz")
    return {"train": first[:cut], "valid": first[cut:], "test": test}


def _libfm(path: Path) -> pd.DataFrame:
    """Lines of a label and `id:1` for each field -> a column of ids a field."""
    with gzip.open(path, "rt") as lines:
        rows = [[part.split(":")[0] for part in line.split()] for line in lines if line.strip()]
    frame = pd.DataFrame(rows, columns=[LABEL, *FRAPPE]).astype(int)
    frame[LABEL] = (frame[LABEL] > 0).astype(float)
    return frame


def _table(path: Path, names: list[str]) -> pd.DataFrame:
    return pd.read_csv(
        path, sep="::", engine="python", names=names, encoding="latin-1", dtype={"zip": str}
    )


SETS: dict[str, Callable[[Path], Splits]] = {"ml_1m": movielens, "frappe": frappe}
