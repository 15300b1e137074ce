"""What a night's results have to keep beyond their contracts before readers get them."""

from collections.abc import Mapping

from pyspark.sql import DataFrame

from nightshelf.columns import ITEM
from nightshelf.errors import DataQualityError
from nightshelf.ranking.audits import broken, change_figures, list_figures, rows_share
from nightshelf.ranking.recommend import Ingredients
from nightshelf.runs import Run
from nightshelf.tables import GOLD_RECOMMENDATIONS, Check, Table
from nightshelf.tables.commits import Commits


def steady(run: Run, table: Table, k: int) -> Check:
    """A day's rows are about as many as those of the days before with lists of the same length k.

    That is what `about` says of the table's publishes.
    """

    def check(_: DataFrame, rows: int) -> Mapping[str, float]:
        return _passed(run, table, _rows_share(run, run.store.commits(table), k, rows))

    return check


def lists_as_usual(run: Run, made: Ingredients) -> Check:
    """The lists of ds reach everyone, show enough of the shop, and are not all others overnight.

    Compared with the newest lists before them, however old: the night after a held one meets the
    same audit.
    """

    def check(staged: DataFrame, rows: int) -> Mapping[str, float]:
        table = GOLD_RECOMMENDATIONS
        commits = run.store.commits(table)
        figures = _rows_share(run, commits, run.config.recommend.k, rows)
        figures |= list_figures(staged, made.shop.users, made.catalogue.select(ITEM))
        for newest in commits.rows_before(run.ds, last=1):
            before = run.read(table, on=newest)
            figures |= change_figures(staged, before, run.config.audits.overlap_users)
        return _passed(run, table, figures)

    return check


def _rows_share(run: Run, commits: Commits, k: int, rows: int) -> dict[str, float]:
    """Beside the last `audits.days` days before ds that had rows, of lists as long."""
    days = commits.rows_before(run.ds, last=run.config.audits.days, k=k)
    return rows_share(rows, list(days.values()))


def _passed(run: Run, table: Table, figures: dict[str, float]) -> dict[str, float]:
    """The figures, rounded for the manifest, where they break no limit."""
    wrong = broken(figures, run.config.audits)
    if wrong:
        raise DataQualityError(
            f"{table.name}: held back by its audits, nothing published, readers keep what they "
            f"have: {'; '.join(wrong)}; look at the inputs of {run.ds}, or set the limit anew"
        )
    return {name: round(value, 4) for name, value in figures.items()}
