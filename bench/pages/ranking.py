"""The ranking model and the lists that it makes."""

from pages.told import Figures, against, interval, table


def speeds(f: Figures, names: dict[str, str]) -> str:
    """A table of the figures `<name>_rows_s`, by what the names stand for."""
    rows = [[told, f"{f[f'{name}_rows_s']:,}"] for name, told in names.items()]
    return table(["", "rows a second"], rows)


def train(f: Figures) -> str:
    """Training speed."""
    names = {
        "ours_np1": "Nightshelf, one rank of two threads",
        "ours_np2": "Nightshelf, two ranks of a thread",
        "ours_np2_bf16": "the same in bf16",
        "plain_dense": "plain PyTorch in memory, Adam",
        "plain_sparse": "plain PyTorch in memory, SparseAdam",
        "fuxictr": "FuxiCTR, its own loader",
        "fuxictr_in_memory": "FuxiCTR's training, from memory",
    }
    one, two, fuxictr = f["ratio_plain_np1"], f["ratio_plain_np2"], f["ratio_fuxictr"]
    return "\n".join(
        [
            f"DCN-v2, batches of {f['batch_size']:,}, two cores, the best of the rounds.\n",
            speeds(f, names) + "\n",
            f"- one rank beside plain PyTorch: {against(one, 'at least 0.9', one >= 0.9)}",
            f"- two ranks beside plain PyTorch: {against(two, 'at least 0.75', two >= 0.75)}",
            f"- one rank beside FuxiCTR: {against(fuxictr, 'at least 1.5', fuxictr >= 1.5)}",
        ]
    )


def train_gpu(f: Figures) -> str:
    """Training speed on a GPU."""
    names = {"ours": "Nightshelf", "plain": "plain PyTorch, rows in the GPU's memory"}
    names["text"] = "Nightshelf, a cross-encoder of MiniLM's shape on pairs of 96 tokens"
    rows = []
    for side, told in f.items():
        who, _, how = side.partition("_")
        if who in names:
            kind, batch = how.split("_")
            waited = f"{told['waited_share']:.0%}" if "waited_share" in told else ""
            rows.append([names[who], kind, f"{int(batch):,}", f"{told['rows_s']:,}", waited])
    head = ["", "", "rows of a step", "rows a second", "of the time the GPU waits for rows"]
    return f"{f['gpu']}, one process.\n\n{table(head, rows)}\n"


def score(f: Figures) -> str:
    """Scoring speed."""
    ratio = f["ratio"]
    names = {
        "ours": "Nightshelf in Spark, features joined and encoded",
        "ours_bf16": "the same in bf16",
        "plain": "plain PyTorch, encoded rows in memory",
    }
    return "\n".join(
        [
            f"{f['rows']:,} candidates, the night's DCN-v2, two cores.\n",
            speeds(f, names) + "\n",
            f"- beside plain PyTorch: {against(ratio, 'at least 0.7', ratio >= 0.7)}",
        ]
    )


def ctr(f: Figures) -> str:
    """Quality of click models."""
    parts = []
    for name in (name for name in ("ml_1m", "frappe") if name in f):
        found = f[name]
        models = sorted((n for n in found if "." in n), key=lambda n: -found[n]["auc"])
        rows = [
            [
                n,
                *(
                    f"{found[n][m]:.5f} ± {found[n][f'{m}_sd'] or 0:.5f}"
                    for m in ("auc", "logloss")
                ),
                "; ".join(found[n]["places"]),
            ]
            for n in models
        ]
        lead = found["lead"]
        parts += [
            f"### {name}\n",
            table(["", "test AUC", "test log loss", "seeds run on"], rows) + "\n",
            f"- {found['best_ours']} less {found['best_peer']}, each the best on valid: "
            + against(lead, "at least 0", lead >= 0)
            + "\n",
        ]
    return "\n".join(parts)


WHOLE = {"ml_1m": 0.341}
"""Sets on which item-CF is as good as it gets, and the lists' nDCG@10 itself has the target."""


UNRANKED = "item-CF and trends"
"""What the file calls lists that no model ranked."""


def lists(f: Figures) -> str:
    """Lists on real shops."""
    shops = [name for name in f if isinstance(f[name], dict) and "users" in f[name]]
    rows, told = [], []
    for name in shops:
        ndcg, gain = f[name]["ndcg@10"], f[name]["ranked_over_item_cf"]
        values = [f"{ndcg[system]:.4f}" for system in ("item_cf", "blend", "ranked")]
        if f[name]["ranked_by"] == UNRANKED:
            values[-1] = "no model"
            told.append(
                f"- {name}: there was nothing to train a model on, so the blend is the list"
            )
        rows.append([name, f"{f[name]['users']:,}", *values])
        if name in WHOLE:
            wanted, ranked = WHOLE[name], ndcg["ranked"]
            verdict = against(ranked, f"at least {wanted}", ranked >= wanted)
            told.append(f"- {name}, lists of the whole system: {verdict}")
            continue
        is_better = gain["value"] >= 0.05 and gain["low"] > 0
        verdict = against(interval(gain, 1), "at least +5 %, interval above 0", is_better)
        told.append(f"- {name}, ranked over item-CF alone: {verdict}")
    head = ["nDCG@10", "users", "item-CF alone", "blend of sources", "ranked"]
    return "\n".join([table(head, rows) + "\n", *told])


def truth(f: Figures) -> str:
    """Lists by the simulated shop's truth."""
    names = {
        "item_cf": "item-CF alone",
        "blend": "blend of sources",
        "ranked": "ranked",
        "best": "the truth's own lists",
    }
    columns = ("attraction", "attraction_first", "taste", "brand", "quality", "price")
    rows = [
        [told, *(f"{f['systems'][system][column]:.3f}" for column in columns)]
        for system, told in names.items()
    ]
    head = [f"attraction, {f['k']} items", f"first {f['first']}", *columns[2:5], "price"]
    return "\n".join(
        [
            "Attraction: the mean probability that a user likes an item of its list. Taste, brand",
            "and quality: their means. Price: the correlation of a user's price sensitivity with",
            "the prices in its list.\n",
            table(["", *head], rows),
        ]
    )
