"""Judging lists, and reading them."""

from pages.told import Figures, against, table


def evaluate(f: Figures) -> str:
    """Judging lists beside ranx and recommenders."""
    share, ratio, spark = f["bootstrap_ratio"], f["ratio_ranx"], f["ratio_recommenders"]
    rows = [
        [f"Nightshelf, 17 metrics at three lengths, {f['users']:,} users", f["ours_s"]],
        [f"Nightshelf, the same, {f['peer_users']:,} users", f["ours_peer_all_s"]],
        [f"Nightshelf, 17 metrics at 10, {f['peer_users']:,} users", f["ours_peer_s"]],
        [
            f"Nightshelf, 5 metrics at 10 without intervals, {f['peer_users']:,} users",
            f["ours_peer_few_s"],
        ],
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
            f"- times as fast as ranx, all 17 beside its seven: "
            f"{against(ratio, 'at least 2', ratio >= 2)}",
            f"- times as fast as recommenders, its four metrics and the hit rate: "
            f"{against(spark, 'at least 2', spark >= 2)}",
            f"- with all 17 and their intervals {f['ratio_recommenders_all']} times as fast as "
            "recommenders with its four",
            f"- 1,000 draws beside 100: {against(share, 'at most 2', share <= 2)}",
            f"- largest difference from ranx: "
            f"{against(f'{difference:.1g}', 'below 1e-9', difference < 1e-9)}",
        ]
    )


def read(f: Figures) -> str:
    """How long one user's list is waited for."""
    names = {"duckdb": "DuckDB", "delta_rs": "delta-rs", "spark": "Spark"}
    rows = [
        [told, f"{f[f'{name}_p50_ms']:g}", f"{f[f'{name}_p99_ms']:g}"]
        for name, told in names.items()
        if f"{name}_p50_ms" in f
    ]
    p99 = f["duckdb_p99_ms"]
    return "\n".join(
        [
            f"{f['users']:,} users with {f['rows_a_user']} rows each; {f['asked']:,} of them read.",
            "",
            table(["", "p50, ms", "p99, ms"], rows) + "\n",
            f"- p99 by DuckDB, ms: {against(p99, 'at most 30', p99 <= 30)}",
        ]
    )


def planted(f: Figures) -> str:
    """What the gates and the drift tables made of a shop that changes."""
    rows = []
    for night in f["nights"]:
        failed = [run for run in night["runs"] if run["exit_code"]]
        how = [f"{run['exit_code']}: {run['message'].partition(':')[0]}" for run in failed]
        over = night["over_limit"][:3]
        new = [row for row in night["largest"].get("unseen", ()) if row[2] > 0 and row not in over]
        moved = [f"{name} {measure} {value}" for name, measure, value in [*over, *new]]
        told = [f"{job}: {message}" for job, message in night["failed"] if job == "train_ctr"]
        if night["model"] and night["model"][0] == "refused":
            told.append(f"model refused: {night['model'][1]}")
        rows.append(
            [
                night["ds"],
                night["changed"] or "",
                "; ".join(how),
                "; ".join([*moved, *told[:1]]),
                night["robots_rows"] or "",
                night["ndcg@10_of_the_day_before"] or "",
            ]
        )
    head = ["night", "changed", "held by", "what was seen", "robots' rows", "nDCG@10, day before"]
    report = f["report"]
    told = f"The last report: {report['kb']} kB in {report['seconds']} seconds."
    return f"{table(head, rows)}\n\n{told}"


def month(f: Figures) -> str:
    """The report after a month of nights."""
    warm, cold = f["warm_s"], f["cold_s"]
    rows = [["in the night's session", warm], ["as a process of its own, from its start", cold]]
    return "\n".join(
        [
            f"{f['nights']} nights of a small shop; a page of {f['kb']} kB.\n",
            table(["the report", "seconds"], rows) + "\n",
            f"- the report in the night, seconds: {against(warm, 'at most 20', warm <= 20)}",
            f"- the report by itself, seconds: {against(cold, 'at most 20', cold <= 20)}",
            f"- kilobytes: {against(f['kb'], 'at most 2,048', f['kb'] <= 2048)}",
        ]
    )
