"""Compare: the lists of two runs of a day, judged by the same users; no table changes."""

import json
from functools import partial
from typing import Any, Final

import click
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from rich.console import Console

from nightshelf.columns import ITEM, RANK, TITLE, USER
from nightshelf.errors import ConfigError
from nightshelf.evaluation.exposure import EXPOSURE
from nightshelf.evaluation.figures import user_metrics
from nightshelf.evaluation.intervals import differences
from nightshelf.evaluation.list_metrics import OWN
from nightshelf.evaluation.people import ALL
from nightshelf.evaluation.scores import SCALARS
from nightshelf.jobs.judging import judge
from nightshelf.jobs.printed import grid
from nightshelf.jobs.published import check_day, day_of, published_by
from nightshelf.jobs.shop import kept_ingredients
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import Arguments, command, start
from nightshelf.runs.record import Outcome, execute
from nightshelf.tables import GOLD_RECOMMENDATIONS

SHOPPERS: Final = 3
ABSENT: Final = (
    f"Not compared: {', '.join((*OWN, *SCALARS))}, which each list has over rows or users of its "
    f"own; {', '.join(EXPOSURE)}, which are of no users. gold.evaluation has them."
)


def compare(run: Run, a: str, b: str, as_json: bool) -> None:
    """Prints what is better in the lists of run `b` than in those of run `a`, and for whom."""
    lists = {
        name: published_by(run, GOLD_RECOMMENDATIONS, run_id).read(GOLD_RECOMMENDATIONS, on=run.ds)
        for name, run_id in (("a", a), ("b", b))
    }
    config = run.config.evaluate
    k = config.shown_k
    with kept_ingredients(run, run.ds) as made:
        by = judge(run, made)
        run.rows_in = by.wanted
        first, second = (
            by.figures(frame, config.ks).withColumn("is_b", F.lit(name == "b"))
            for name, frame in lists.items()
        )
        both = first.unionByName(second).transform(
            differences(config.ks, config.replicates, by.untold)
        )
        rows = [row.asDict() for row in both.orderBy("segment", "source", "metric").collect()]
        users = _most_changed(lists, by.outcomes.wanted, k)
        titles = made.shop.items.select(ITEM, TITLE)
        shoppers = {user: _side_by_side(lists, user, titles, k) for user in users}
    told = {"a": a, "b": b, "ds": run.ds.isoformat(), "differences": rows, "lists": shoppers}
    run.rows_out = len(rows)
    if as_json:
        click.echo(json.dumps(told, sort_keys=True))
    else:
        show(told, k, Console())


def _most_changed(lists: dict[str, DataFrame], wanted: DataFrame, k: int) -> list[str]:
    """The users whose nDCG differs most between the lists, ties by id."""
    metric = f"ndcg@{k}"
    a, b = (
        lists[side].transform(user_metrics(wanted, [k])).select(USER, F.col(metric).alias(side))
        for side in ("a", "b")
    )
    known = lists["b"].select(USER).distinct()
    both = a.join(b, USER, "inner").join(known, USER, "left_semi")
    changed = both.orderBy(F.desc(F.abs(F.col("b") - F.col("a"))), USER)
    return [row[USER] for row in changed.limit(SHOPPERS).collect()]


def _side_by_side(
    lists: dict[str, DataFrame], user: str, titles: DataFrame, k: int
) -> dict[str, list[str]]:
    """Of each run the titles of the user's list, in order."""
    found = {}
    for side, frame in lists.items():
        rows = frame.where((F.col(USER) == user) & (F.col(RANK) <= k)).join(titles, ITEM, "left")
        found[side] = [row[TITLE] or row[ITEM] for row in rows.orderBy(RANK).collect()]
    return found


def show(told: dict[str, Any], k: int, console: Console) -> None:
    """Prints all metrics over all users, one metric by segment, and some lists side by side."""
    rows = [row for row in told["differences"] if row["source"] == ALL]
    console.print(f"a: {told['a']}\nb: {told['b']}\n", markup=False, highlight=False)
    numbers = ("a", "b", "b - a", "of")
    overall = grid("b beside a, with 95 % bounds", "metric", *numbers, numbers=numbers)
    for row in rows:
        if row["segment"] == ALL and row["metric"].endswith(f"@{k}"):
            overall.add_row(row["metric"], *_cells(row))
    segments = grid(f"nDCG@{k} by segment", "segment", *numbers, numbers=numbers)
    for row in rows:
        if row["metric"] == f"ndcg@{k}":
            segments.add_row(row["segment"], *_cells(row))
    console.print(overall, ABSENT, segments, markup=False, highlight=False)
    for user, sides in told["lists"].items():
        beside = grid(f"For {user}", "rank", "a", "b", numbers=("rank",))
        for n in range(max(map(len, sides.values()), default=0)):
            cells = (titles[n] if n < len(titles) else "" for titles in sides.values())
            beside.add_row(str(n + 1), *cells)
        console.print(beside, markup=False)


def _cells(row: dict[str, Any]) -> list[str]:
    bounds = "" if row["low"] is None else f" [{row['low']:+.4f}, {row['high']:+.4f}]"
    difference = f"{row['difference']:+.4f}{bounds}"
    return [f"{row['a']:.4f}", f"{row['b']:.4f}", difference, f"{row['n']:,}"]


def _body(arguments: Arguments) -> Outcome:
    a, b = arguments.extra["a"], arguments.extra["b"]
    if not a or not b:
        raise ConfigError(
            "--a and --b are needed: two run ids; jobs/status.py tells the newest, ops.job_runs all"
        )
    if a[:10] != b[:10]:
        raise ConfigError(
            f"--a {a} --b {b}: lists of different days are judged by different events; give two "
            "runs of one day"
        )
    check_day(arguments.ds, a, "--a")
    job = Job("compare", partial(compare, a=a, b=b, as_json=arguments.extra["json"]))
    return execute(job, start(arguments, job.name))


main = command(
    "compare",
    _body,
    default_ds=lambda _, extra: day_of(extra["a"], "--a"),
    options=(
        click.Option(["--a"], metavar="RUN_ID", help="The run to compare with."),
        click.Option(["--b"], metavar="RUN_ID", help="The run whose lists may be better."),
        click.Option(["--json"], is_flag=True, help="Prints everything as JSON."),
    ),
)
