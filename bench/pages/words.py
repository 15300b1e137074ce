"""Search and text."""

from pages.told import ABOVE, Figures, against, interval, table


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
