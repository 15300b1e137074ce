"""What shoppers do: the funnel, who comes back, when, what goes together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from nightshelf.columns import CATEGORY, ITEM, TITLE, Transform
from nightshelf.jobs.past_runs import why_not
from nightshelf.report.page import Block, Note, Plot, Section
from nightshelf.report.page import Table as Rows
from nightshelf.report.plots import bars, columns, heat
from nightshelf.runs import Run
from nightshelf.tables import (
    BASKET_RULES,
    CATEGORY_PATHS,
    COHORTS,
    CUSTOMERS,
    FUNNELS,
    SESSION_SHAPES,
    SILVER_ITEMS,
    Table,
)
from nightshelf.tables.as_of import items_as_of

TOP = 10
WEEKS: Final = 26
"""So many of the newest cohorts are shown: a square of more cannot be read."""


def shoppers_do(run: Run, ran: Mapping[str, Row]) -> Section:
    """All of it, of ds; a note on what there is nothing of, and why."""
    made: dict[Table, tuple[Transform, Callable[[list[Row]], Block]]] = {
        FUNNELS: (lambda rows: rows.orderBy("place"), _funnel),
        COHORTS: (lambda rows: rows.orderBy("cohort", "age_weeks"), _cohorts),
        SESSION_SHAPES: (lambda rows: rows.where("measure = 'hour'"), _hours),
        CUSTOMERS: (_kinds, _customers),
        CATEGORY_PATHS: (_commonest, _paths),
        BASKET_RULES: (_surest, lambda told: _rules(run, told)),
    }
    blocks: list[Block] = []
    absent: dict[str, list[str]] = {}
    for table, (shown, block_of) in made.items():
        there = run.store.version(table) is not None
        told = run.read(table, on=run.ds).transform(shown).collect() if there else []
        if told:
            blocks.append(block_of(told))
        else:
            absent.setdefault(_why_not(run, ran, table), []).append(table.name)
    blocks += [Note(f"Nothing in {', '.join(names)}. {why}") for why, names in absent.items()]
    return Section("behaviour", "What shoppers do", blocks)


def _why_not(run: Run, ran: Mapping[str, Row], table: Table) -> str:
    config = run.config.behaviour
    if table == BASKET_RULES:
        nothing = (
            f"No two items are together in {config.basket_least} baskets of the last "
            f"{config.basket_days:,} days (`behaviour.basket_least`) as often as "
            "`behaviour.basket_confidence` asks."
        )
    else:
        nothing = f"The events up to {run.ds} tell nothing of it."
    off = None if config.enabled else "behaviour.enabled"
    return why_not(ran, "analyse_behaviour", otherwise=nothing, off=off)


def _funnel(told: list[Row]) -> Block:
    overall = {r["step"]: float(r["pairs"]) for r in told if r[CATEGORY] == "all"}
    first = next(iter(overall.values())) or 1.0
    named = {f"{step}  {n / first:.1%}": n for step, n in overall.items()}
    caption = "Pairs of a shopper and an item that came so far or farther, as a share of the first."
    return Plot(bars("funnel", "From first sight to purchase", named), caption)


def _cohorts(told: list[Row]) -> Block:
    return came_back([r.asDict() for r in told])


def came_back(told: Sequence[Mapping[str, Any]]) -> Plot:
    """The newest `WEEKS` of the cohorts, from rows of [gold.cohorts]."""
    every = sorted({r["cohort"] for r in told})
    weeks = every[-WEEKS:]
    rows = [r for r in told if r["cohort"] >= weeks[0]]
    ages = [str(age) for age in range(max(r["age_weeks"] for r in rows) + 1)]
    shares = np.full((len(weeks), len(ages)), np.nan)
    for r in rows:
        shares[weeks.index(r["cohort"]), r["age_weeks"]] = r["active"] / r["users"]
    sizes = {r["cohort"]: r["users"] for r in rows}
    names = [f"{week:%d %b} ({sizes[week]:,})" for week in weeks]
    caption = "Of those who first came in a week, the share that came again in the weeks after it."
    if len(every) > len(weeks):
        caption += f" The newest {len(weeks)} of {len(every)} weeks."
    return Plot(heat("cohorts", "Who comes back", names, ages, shares), caption)


def _hours(told: list[Row]) -> Block:
    found = {r["bin"]: float(r["sessions"]) for r in told}
    named = {hour: found.get(hour, 0.0) for hour in (f"{n:02}" for n in range(24))}
    return Plot(
        columns("hours", "Sessions by the hour in which they begin (UTC)", named),
        "When shoppers come.",
    )


def _kinds(rows: DataFrame) -> DataFrame:
    return (
        rows.groupBy("kind")
        .agg(
            F.count("*").alias("users"),
            F.avg("recency_days").alias("recency"),
            F.avg("frequency").alias("frequency"),
            F.avg("monetary").alias("monetary"),
            F.avg("interest_drift").alias("drift"),
        )
        .orderBy(F.desc("users"), "kind")
    )


def _customers(told: list[Row]) -> Block:
    head = ("kind", "users", "days since the last", "times", "spent", "interest drift")
    means = ("recency", "frequency", "monetary", "drift")
    cells = [[r["kind"], f"{r['users']:,}", *(_mean(r[name]) for name in means)] for r in told]
    return Rows("Kinds of customers, and their means", head, cells, frozenset(range(1, 6)))


def _mean(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"


def _commonest(rows: DataFrame) -> DataFrame:
    return rows.orderBy(F.desc("steps"), CATEGORY, "next_category").limit(TOP)


def _paths(told: list[Row]) -> Block:
    cells = [[r[CATEGORY], r["next_category"], f"{r['steps']:,}", f"{r['users']:,}"] for r in told]
    head = ("from", "to", "steps", "users")
    return Rows("The most common steps between categories", head, cells, frozenset({2, 3}))


def _surest(rows: DataFrame) -> DataFrame:
    return rows.orderBy(F.desc("lift"), F.desc("baskets"), "consequent").limit(TOP)


def _rules(run: Run, told: list[Row]) -> Block:
    ids = {item for r in told for item in (*r["antecedent"], r["consequent"])}
    items = run.read(SILVER_ITEMS).transform(items_as_of(run.ds)).where(F.col(ITEM).isin(*ids))
    titles = {r[ITEM]: r[TITLE] for r in items.select(ITEM, TITLE).collect()}
    cells = [
        [
            "; ".join(titles.get(item) or item for item in r["antecedent"]),
            titles.get(r["consequent"]) or r["consequent"],
            f"{r['baskets']:,}", f"{r['confidence']:.0%}", f"{r['lift']:,.1f}",
        ]
        for r in told
    ]  # fmt: skip
    head = ("who buys", "also buys", "baskets", "how often", "lift")
    return Rows("What is bought together", head, cells, frozenset({2, 3, 4}))
