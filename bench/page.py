"""Writes docs/benchmarks.md from the JSON files in results/."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from report import RESULTS, ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """\
# Benchmarks

Made by `make bench-page` from the files in [bench/results](../bench/results), each written by the
command named with it. Ours and the peers' figures of one table were measured in one run on the same
cores; peers live in environments of their own, whose versions `bench/peers/*.txt` pin. What each
number means, word by word, stands at the head of the script. Figures that miss their target are in
here like all others.
"""

ABOVE = "interval above 0"

Figures = dict[str, Any]


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def against(value: float | str, target: str, is_met: bool) -> str:
    """The value beside its target."""
    shown = value if isinstance(value, str) else f"{value:g}"
    return f"{shown} ({'meets' if is_met else 'misses'} the target, {target})"


def interval(f: Figures, digits: int = 2) -> str:
    """A relative gain with its interval."""
    value, low, high = (f"{f[name]:+.{digits}%}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def item_cf(f: Figures) -> str:
    """The whole job beside implicit and RePlay."""
    ratio, faster = f["ratio"], f["replay_ratio_5pct"]
    implicit, replay = f"implicit {f['implicit_version']}", f"RePlay {f['replay_version']}"
    rows = [
        ["Nightshelf, whole job", f["ours_s"], f["peak_rss_mb"]],
        [f"{implicit}, fit", f["implicit_fit_s"], f["implicit_peak_rss_mb"]],
        ["Nightshelf, 5 % of the users", f["ours_s_5pct"], ""],
        [f"{replay}, 5 %", f["replay_s_5pct"], f["replay_peak_rss_mb_5pct"]],
    ]
    return "\n".join(
        [
            f"{f['pairs']:,} pairs, {f['updates'] / 1e9:.2f} G updates, k = {f['k']}, cosine. Ours",
            "is the whole job from Delta to Delta with its audit, in a warm session; implicit's is",
            "the fit in memory.\n",
            table(["", "seconds", "peak memory, MiB"], rows) + "\n",
            f"- beside implicit: {against(ratio, 'at most 1.5', ratio <= 1.5)}",
            f"- times as fast as RePlay: {against(faster, 'at least 30', faster >= 30)}",
            f"- share of implicit's neighbours that are ours: {f['overlap']}",
            f"- largest difference of a similarity: {f['max_abs_diff']:.1g}",
        ]
    )


def item_cf_growth(f: Figures) -> str:
    """Seconds and memory by size."""
    rows = [
        [f"{size['pairs'] / 1e6:.1f} M", f"{size['updates'] / 1e9:.2f} G"]
        + [size[name] for name in ("seconds", "seconds_per_giga_update", "peak_rss_mb")]
        for size in f["sizes"]
    ]
    head = ["pairs", "updates", "seconds", "seconds a giga-update", "peak memory, MiB"]
    slope, peak = f["largest_against_4m"], round(f["sizes"][-1]["peak_rss_mb"] / 1024, 1)
    return "\n".join(
        [
            table(head, rows) + "\n",
            "- seconds a giga-update, the largest beside 4 M: "
            + against(slope, "at most 1.3", slope <= 1.3),
            f"- peak memory of the largest, GiB: {against(peak, 'at most 12', peak <= 12)}\n",
            "![seconds and memory by updates](../bench/results/item_cf_growth.svg)",
        ]
    )


def item_cf_cases(f: Figures) -> str:
    """A robot, the next night, executors."""
    robot, settled, executors = f["robot"], f["settled"], f["executors"]
    slower = robot["slower"]
    rows = [
        ["one user with 10 M events more", robot["without_s"], robot["with_s"], f"{slower:+.1%}"],
        [
            f"{settled['events_a_pair']} events a pair: counted anew, from settled days",
            settled["full_s"],
            settled["next_night_s"],
            f"{settled['faster']} times as fast",
        ],
        [
            "workers of one core (Spark standalone): one, two",
            executors["one_worker_s"],
            executors["two_workers_s"],
            f"{executors['speed_up']} times as fast",
        ],
    ]
    return "\n".join(
        [
            table(["", "before, s", "after, s", ""], rows) + "\n",
            f"- slower by the robot: {against(slower, 'below 0.05', slower < 0.05)}",
            f"- the night that keeps the sums: {settled['night_that_keeps_sums_s']} s",
        ]
    )


def quality(f: Figures) -> str:
    """MovieLens."""
    names = ("cosine", "tfidf", "bm25", "jaccard", "ease", "user_based")
    peers = f["ml_1m_peers"]
    rows = [
        [name, f["ml_1m"][name]["ndcg@10"], peers.get(name, ""), f["ml_100k"][name]["ndcg@10"]]
        for name in names
    ]
    head = ["", "1M, ours", f"1M, implicit {peers['version']}; EASE in numpy", "100K, ours"]
    return "\n".join(
        [
            "nDCG@10. MovieLens 1M: learnt from `train`, chosen on `valid`, once on `test`; all",
            "items ranked but those of the history. MovieLens 100K: 75/25 by user, seed 42.\n",
            table(head, rows),
        ]
    )


def topk(f: Figures) -> str:
    """Exact retrieval and history scoring."""
    ratio = f["ratio"]
    return "\n".join(
        [
            f"{f['users']:,} users by {f['items']:,} items, rank {f['rank']}, top {f['n']}.\n",
            table(
                ["", "ours, s", "peer, s"],
                [
                    ["vectors, beside Spark's ALS", f["ours_s"], f["als_s"]],
                    [
                        f"histories of {f['histories_users']:,} users, beside implicit in memory",
                        f["histories_s"],
                        f["histories_implicit_s"],
                    ],
                ],
            )
            + "\n",
            f"- times as fast as ALS: {against(ratio, 'at least 5', ratio >= 5)}",
            f"- peak memory: {f['peak_rss_mb']} MiB",
        ]
    )


def night(f: Figures) -> str:
    """A whole night."""
    rows = [[name, "" if s is None else s] for name, s in f["step_seconds"].items()]
    peak = f["peak_rss_all_processes_mb"]
    return "\n".join(
        [
            f"A simulated shop of {f['shop_rows']:,} rows, from nothing: {f['night_s']} s, at most",
            f"{peak} MiB.\n",
            table(["step", "seconds"], rows),
        ]
    )


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
            f"- GPU: {f['gpu'] or 'none on this machine'}",
        ]
    )


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
            ]
            for n in models
        ]
        lead = found["lead"]
        parts += [
            f"### {name}\n",
            table(["", "test AUC", "test log loss"], rows) + "\n",
            f"- {found['best_ours']} less {found['best_peer']}, each the best on valid: "
            + against(lead, "at least 0", lead >= 0)
            + "\n",
        ]
    return "\n".join(parts)


def lists(f: Figures) -> str:
    """Lists on real shops."""
    shops = [name for name in f if isinstance(f[name], dict) and "users" in f[name]]
    rows, told = [], []
    for name in shops:
        ndcg, gain = f[name]["ndcg@10"], f[name]["ranked_over_item_cf"]
        values = [f"{ndcg[system]:.4f}" for system in ("item_cf", "blend", "ranked")]
        rows.append([name, f"{f[name]['users']:,}", *values])
        verdict = against(interval(gain, 1), "at least +5 %", gain["value"] >= 0.05)
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


def search(f: Figures) -> str:
    """Results beside judgements and beside the simulated shop's truth."""
    lines = []
    if "home_depot" in f:
        lines += _home_depot(f["home_depot"])
    if "augmented" in f:
        lines += _augmented(f["augmented"])
    if "simulated" in f:
        lines += _simulated_search(f["simulated"])
    return "\n".join(lines)


def _home_depot(f: Figures) -> list[str]:
    names = {
        "chance": "by chance",
        "bm25": "BM25",
        "encoder": "text model as it came",
        "cross": "fine-tuned cross-encoder",
        "cross_bf16": "the same in bf16",
        "cross_int8": "the same in int8",
        "student": "student of three layers",
        "student_int8": "the student in int8",
    }
    full, rate = f["ndcg@10"]["cross"], f["pairs_s"]["cross"]
    rows = []
    for name, told in names.items():
        ndcg, own = f["ndcg@10"][name], f["pairs_s"].get(name)
        speed = [own or "", f"{own / rate:.1f}" if own else ""]
        kept = f"{ndcg / full - 1:+.2%}" if own else ""
        rows.append([told, f"{ndcg:.4f}", f["spearman"].get(name, ""), *speed, kept])
    head = ["", "nDCG@10", "Spearman", "pairs a second", "times", "nDCG beside the full model"]
    over = f["cross_over"]
    told = []
    for name in ("bm25", "encoder"):
        verdict = against(interval(over[name]), ABOVE, over[name]["low"] > 0)
        told.append(f"- fine-tuned over {names[name]}: {verdict}")
    small = max(f["pairs_s"], key=f["pairs_s"].__getitem__)
    loss, times = f["ndcg@10"][small] / full - 1, f["pairs_s"][small] / rate
    shown, is_met = f"{times:.1f} times as fast, nDCG {loss:+.2%}", loss >= -0.01 and times >= 2
    told.append(f"- {names[small]}: {against(shown, 'at least 2 times and -1 %', is_met)}")
    return [
        "### Home Depot\n",
        f"{f['queries']:,} test queries, each with its judged products to be ordered. No order can",
        f"be more than {1 / f['ndcg@10']['bm25'] - 1:.1%} better than BM25's.\n",
        table(head, rows) + "\n",
        *told,
        "",
    ]


def _augmented(f: Figures) -> list[str]:
    names = {"word_dropout": "a tenth of the words left out", "synonyms": "synonyms"}
    rows = [["as they are", f["pairs"]["plain"], f"{f['ndcg@10']['plain']:.4f}", ""]]
    for name, told in names.items():
        gain = interval(f["over_plain"][name])
        rows.append([f"and {told}", f["pairs"][name], f"{f['ndcg@10'][name]:.4f}", gain])
    return [
        "Learnt from few pairs, as they are and once more in other words:\n",
        table(["", "pairs", "nDCG@10", "over as they are"], rows) + "\n",
    ]


def _simulated_search(f: Figures) -> list[str]:
    names = {
        "bm25": "BM25, words as they are typed",
        "words": "words, with spelling",
        "not_judged": "words, meaning, clicks",
        "night": "and judged by the fine-tuned model: the night's results",
    }
    rows = [
        [told, f"{f['ndcg@10'][name]:.4f}", f"{f['ndcg@10_right'][name]:.4f}"]
        for name, told in names.items()
    ]
    over = f["night_over"]
    told = [f"- the night's over {names[name]}: {interval(over[name])}" for name in over]
    return [
        "### The simulated shop\n",
        f"{f['queries']} queries, {f['misspelt']} of them misspelt, by the planted intent.\n",
        table(["", "nDCG@10", "of those spelt right"], rows) + "\n",
        *told,
        "\n![first results of three queries, before and after](../bench/results/search.svg)",
    ]


def text(f: Figures) -> str:
    """What the text model costs and is worth."""
    lines = []
    if "encode" in f:
        e = f["encode"]
        names = {f"sentence_transformers_{n}": f"theirs, batches of {n}" for n in (32, 64, 128)}
        names |= {n: n for n in ("fp32", "bf16", "int8")}
        rows = [
            [told, e["items_s"][n], e["over_default"][n], e["cosine"][n]]
            for n, told in names.items()
        ]
        head = ["encoding", "items a second", "times sentence-transformers", "mean cosine"]
        times = e["over_best"]["fp32"]
        verdict = against(times, "at least 1", times >= 1)
        lines += [
            table(head, rows) + "\n",
            f"- fp32 beside sentence-transformers' best batch: {verdict}",
        ]
    if "unchanged" in f:
        u = f["unchanged"]
        lines.append(
            f"- a night without changed texts: {u['none_s']} s, beside {u['all_s']} s for all "
            f"{u['texts']:,}; share: {against(u['share'], 'below 0.02', u['share'] < 0.02)}"
        )
    if "cold" in f:
        c = f["cold"]
        for metric, told in (("recall@50", "recall@50"), ("auc", "AUC of the ranker")):
            own, gain = c[metric], c[f"{metric.partition('@')[0]}_gain"]
            apart = f"{gain['value']:+} [{gain['low']:+}, {gain['high']:+}]"
            lines.append(
                f"- items with at most two events, {told}: {own['without']} without text, "
                f"{own['with_text']} with; {against(apart, ABOVE, gain['low'] > 0)}"
            )
    if "reviews" in f:
        r = f["reviews"]
        lines.append(
            f"- clothing reviews, AUC of pleased and displeased: {r['auc']['ours']}, by the text "
            f"model's vectors {r['auc']['vectors']}; {r['reviews_s']:,} reviews a second"
        )
    return "\n".join(lines)


def evaluate(f: Figures) -> str:
    """Judging lists beside ranx and recommenders."""
    share, ratio, spark = f["bootstrap_ratio"], f["ratio_ranx"], f["ratio_recommenders"]
    rows = [
        [f"Nightshelf, 15 metrics at three lengths, {f['users']:,} users", f["ours_s"]],
        [f"Nightshelf, {f['peer_users']:,} users", f["ours_peer_s"]],
        [f"ranx {f['ranx_version']}, 7 metrics at 10, {f['peer_users']:,} users", f["ranx_s"]],
        [
            f"recommenders {f['recommenders_version']} on Spark, 4 metrics at 10, "
            f"{f['peer_users']:,} users",
            f["recommenders_s"],
        ],
    ]
    seconds, difference = f["ours_s"], f["max_abs_diff_ranx"]
    return "\n".join(
        [
            table(["", "seconds"], rows) + "\n",
            f"- {f['rows']:,} rows, seconds: {against(seconds, 'at most 90', seconds <= 90)}",
            f"- times as fast as ranx: {against(ratio, 'at least 2', ratio >= 2)}",
            f"- times as fast as recommenders: {against(spark, 'at least 2', spark >= 2)}",
            f"- 1,000 draws beside 100: {against(share, 'at most 2', share <= 2)}",
            f"- largest difference from ranx: "
            f"{against(f'{difference:.1g}', 'below 1e-9', difference < 1e-9)}",
        ]
    )


SECTIONS = (
    ("item_cf", "item-cf", "Item-CF", item_cf),
    ("item_cf_growth", "growth", "Item-CF as a shop grows", item_cf_growth),
    ("item_cf_cases", "cases", "Item-CF: robots, next nights, executors", item_cf_cases),
    ("quality", "quality", "Quality of item-CF and user-based CF", quality),
    ("topk", "topk", "Top-k retrieval", topk),
    ("train", "train", "Training the ranking model", train),
    ("score", "score", "Scoring by the ranking model", score),
    ("ctr", "ctr", "Quality of click models", ctr),
    ("lists", "lists", "Lists on real shops", lists),
    ("truth", "truth", "Lists beside a simulated shop's truth", truth),
    ("evaluate", "evaluate", "Judging lists", evaluate),
    ("search", "search", "Search", search),
    ("text", "text", "Text", text),
    ("night", "night", "A night", night),
)


def sections() -> Iterator[str]:
    """The page's parts; of what was not measured, that."""
    yield HEAD
    for name, command, title, told in SECTIONS:
        yield f"## {title}\n"
        path = RESULTS / f"{name}.json"
        if path.exists():
            figures = json.loads(path.read_text())
            yield f"{told(figures)}\n"
            yield f"`make bench-{command}`, {figures['date']}: {machine(figures['machine'])}.\n"
        else:
            yield f"Not measured yet: `make bench-{command}`.\n"


def machine(m: Figures) -> str:
    """Where it was measured, in a line."""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(m["versions"].items()))
    return (
        f"{m['cores']} cores ({m['cpu']}), {m['memory_gib']} GiB, Python {m['python']}, {versions}"
    )


if __name__ == "__main__":
    PAGE.write_text("\n".join(sections()))
