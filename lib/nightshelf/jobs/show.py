"""Shows a few of the night's lists on the screen."""

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from rich.console import Console

from nightshelf.columns import EVENT_TS, ITEM, NEW_USER, RANK, REASON, SCORE, SOURCE, TITLE, USER
from nightshelf.evaluation.exposure import EXPOSURE
from nightshelf.evaluation.list_metrics import METRICS
from nightshelf.evaluation.scores import SCALARS
from nightshelf.feedback import positive_events
from nightshelf.jobs.printed import grid
from nightshelf.ranking.candidates import ITEM_CF
from nightshelf.runs import Run
from nightshelf.tables import GOLD_RECOMMENDATIONS, SILVER_EVENTS, SILVER_ITEMS, TABLES
from nightshelf.tables.as_of import items_as_of

SHOPPERS, ROWS, HISTORY = 3, 5, 3


def show(run: Run, console: Console) -> None:
    """Prints three shoppers' lists with titles, scores and reasons, and where the tables are."""
    lists = run.read(GOLD_RECOMMENDATIONS, on=run.ds)
    items = run.read(SILVER_ITEMS).transform(items_as_of(run.ds)).select(ITEM, TITLE)
    shoppers = shoppers_to_show(lists)
    shown = (
        lists.where(F.col(USER).isin(*shoppers) & (F.col(RANK) <= ROWS))
        .join(items, ITEM, "left")
        .orderBy(USER, RANK)
        .collect()
    )
    history = lately_chosen(run, shoppers, items)
    for shopper in shoppers:
        latest = "; ".join(history.get(shopper, ()))
        title = f"For {shopper}, who lately chose {latest}"
        titled = grid(title, "rank", "item", "title", "score", "reason", numbers=("rank", "score"))
        for row in shown:
            if row[USER] == shopper:
                titled.add_row(
                    str(row[RANK]), row[ITEM], row[TITLE] or "", f"{row[SCORE]:.3f}", row[REASON]
                )
        console.print(titled, markup=False)
    console.print(f"\nThe tables are under {run.store.root}:", markup=False, highlight=False)
    for table in TABLES:
        if run.store.version(table) is not None:
            console.print(
                f"  {table.name:<24} {run.store.path(table)}", markup=False, highlight=False
            )


def shoppers_to_show(lists: DataFrame) -> list[str]:
    """Those with the most to show of item-CF."""
    best = (
        lists.where(F.col(USER) != NEW_USER)
        .groupBy(USER)
        .agg(F.count_if(F.col(SOURCE) == ITEM_CF).alias("from_cf"))
        .orderBy(F.desc("from_cf"), F.asc(USER))
        .limit(SHOPPERS)
    )
    return [row[USER] for row in best.collect()]


def lately_chosen(run: Run, shoppers: list[str], items: DataFrame) -> dict[str, list[str]]:
    """The titles of each shopper's newest items, newest first."""
    feedback = run.config.feedback
    newest = (
        run.read(SILVER_EVENTS, until=run.ds)
        .where(F.col(USER).isin(*shoppers))
        .transform(positive_events(feedback.weights, feedback.positive_rating))
        .groupBy(USER, ITEM)
        .agg(F.max(EVENT_TS).alias("last"))
        .join(items, ITEM, "left")
        .orderBy(USER, F.desc("last"), ITEM)
        .collect()
    )
    told: dict[str, list[str]] = {}
    for row in newest:
        told.setdefault(row[USER], []).append(row[TITLE] or row[ITEM])
    return {user: titles[:HISTORY] for user, titles in told.items()}


def of_length(k: int) -> tuple[str, ...]:
    """The metrics of lists of length `k` and those of all their scores, in order."""
    return (*(f"{name}@{k}" for name in (*METRICS, *EXPOSURE)), *SCALARS)


def show_evaluation(rows: DataFrame, k: int, ours: str, console: Console) -> None:
    """Prints [gold.evaluation] of one day over all users: a line a metric, a column a model.

    Of lists of length `k`; `ours` stands first, and what its means are over last. In brackets the
    95 % bounds.
    """
    overall = rows.where("segment = 'all' AND source = 'all'").collect()
    told = {(row["metric"], row["model"]): row for row in overall}
    models = sorted({model for _, model in told}, key=lambda model: (model != ours, model))
    numbers = (*models, "of")
    titled = grid("The lists against what users did next", "metric", *numbers, numbers=numbers)
    for metric in of_length(k):
        cells = [told.get((metric, model)) for model in models]
        values = [with_bounds(cell) for cell in cells]
        if any(values):
            own = cells[0]
            titled.add_row(metric, *values, f"{own['n']:,}" if own and values[0] else "")
    console.print(titled, markup=False)


def with_bounds(cell: Row | None) -> str:
    """A row of [gold.evaluation] as its value and, in brackets, its bounds; empty without any."""
    if cell is None or cell["value"] is None:
        return ""
    bounds = "" if cell["low"] is None else f" [{cell['low']:.4f}, {cell['high']:.4f}]"
    return f"{cell['value']:.4f}{bounds}"
