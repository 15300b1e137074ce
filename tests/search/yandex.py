"""Result pages of the Yandex sample: query, ten documents, which were clicked."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.metrics import log_loss

from nightshelf.search.clicks import position_based


def pages(path: Path) -> pa.Table:
    """[query, item_id, position, shown, clicked]: a row a document of a page."""
    rows: dict[str, list[object]] = {"query": [], "item_id": [], "position": [], "clicked": []}
    with gzip.open(path, "rt") as file:
        for page in file.read().replace("\n", ";").split(";"):
            query, _, rest = page.strip().partition("\t")
            documents, _, clicks = rest.partition(":")
            clicked = {told.strip() for told in clicks.split(",")}
            for place, document in enumerate(filter(None, documents.strip().split(",")), 1):
                rows["query"].append(query)
                rows["item_id"].append(document.strip())
                rows["position"].append(place)
                rows["clicked"].append(int(document.strip() in clicked))
    return pa.table(rows).append_column("shown", pa.array(np.ones(len(rows["query"]), np.int64)))


def log_losses(folder: Path) -> dict[str, float]:
    """Log loss of the test pages' clicks on documents seen before, by what the train pages tell."""
    train, test = (pages(folder / f"{part}Sample.txt.gz") for part in ("train", "test"))
    totals = train.group_by(["query", "item_id", "position"]).aggregate(
        [("shown", "sum"), ("clicked", "sum")]
    )
    counts = totals.rename_columns(["query", "item_id", "position", "shown", "clicked"])
    found = position_based(counts)
    pairs = zip(*(found.pairs[name].to_pylist() for name in ("query", "item_id")), strict=True)
    attraction = dict(zip(pairs, found.attraction, strict=True))
    by_pair = train.group_by(["query", "item_id"]).aggregate([("shown", "sum"), ("clicked", "sum")])
    columns = (by_pair[name].to_pylist() for name in by_pair.column_names)
    rates = {(q, i): (c + 1.0) / (n + 2.0) for q, i, n, c in zip(*columns, strict=True)}
    places, clicks = train["position"].to_numpy(), train["clicked"].to_numpy()
    curve = np.bincount(places, clicks) / np.maximum(np.bincount(places), 1)
    told = [
        (found.examination[p - 1] * attraction[q, i], curve[p], rates[q, i], c)
        for q, i, p, c in zip(
            *(test[name].to_pylist() for name in ("query", "item_id", "position", "clicked")),
            strict=True,
        )
        if (q, i) in attraction
    ]
    model, position, pair, truth = (np.array(column) for column in zip(*told, strict=True))
    guesses = {"model": model, "position": position, "pair": pair}
    return {name: float(log_loss(truth, np.clip(g, 1e-6, 1 - 1e-6))) for name, g in guesses.items()}
