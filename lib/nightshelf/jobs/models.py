"""Shows every decision about a model, and which ones are in use; writes nothing."""

from datetime import date

from pyspark.sql import DataFrame
from rich.console import Console

from nightshelf.columns import DS, MODEL_ID
from nightshelf.jobs.printed import grid
from nightshelf.ranking.registry import KINDS, in_use, newest_first
from nightshelf.runs.cli import Arguments, command, start
from nightshelf.runs.record import Outcome
from nightshelf.tables import OPS_MODELS

FIGURES = {
    "auc": "test.auc",
    "log loss": "test.log_loss",
    "ece": "test.ece",
    "recall": "test.recall",
    "of popular": "test.popular_recall",
}


def show_models(models: DataFrame, ds: date, console: Console) -> None:
    """Prints [ops.models] up to ds, the newest decision first; `*` marks those that stand."""
    current = [in_use(models, ds, kind) for kind in KINDS]
    names = ("", "model", "kind", "ds", "status", *FIGURES, "why")
    shown = grid("Models, the newest decision first", *names, numbers=FIGURES)
    for row in models.where(models[DS] <= ds).orderBy(*newest_first()).collect():
        figures = [row["metrics"].get(metric) for metric in FIGURES.values()]
        shown.add_row(
            "*" if row in current else "",
            row[MODEL_ID],
            row["kind"],
            row[DS].isoformat(),
            row["status"],
            *("" if value is None else f"{value:.4f}" for value in figures),
            row["why"],
        )
    console.print(shown, markup=False)


def _body(arguments: Arguments) -> Outcome:
    run = start(arguments, "models")
    show_models(run.read(OPS_MODELS), run.ds, Console())
    return Outcome()


main = command("models", _body, default_ds=lambda *_: date.max)
