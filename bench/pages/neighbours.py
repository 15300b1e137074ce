"""Item-CF, user-based CF, retrieval, the simulated shop, and a night."""

from pages.told import Figures, against, table


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
    took = {name: seconds for name, seconds in f["step_seconds"].items() if seconds is not None}
    rows = [[name, f"{took[name]:.1f}"] for name in sorted(took, key=took.__getitem__)[::-1]]
    peak = f["peak_rss_all_processes_mb"]
    return "\n".join(
        [
            f"A simulated shop of {f['shop_rows']:,} rows, from nothing: {f['night_s']} s, at most",
            f"{peak} MiB.\n",
            table(["step", "seconds"], rows),
        ]
    )


def simulate(f: Figures) -> str:
    """How fast the shop is made."""
    rows = [
        [f"{s['rows']:,}", s["job_s"], f"{s['rows_a_second']:,}", s["peak_rss_all_processes_mb"]]
        for s in f["shops"]
    ]
    return table(["rows", "seconds", "rows a second", "peak memory, MiB"], rows)
