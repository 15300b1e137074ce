"""How good the lists were: over time, beside baselines, for whom, and how broad."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from operator import itemgetter

import numpy as np
from pyspark.sql import Row
from pyspark.sql import functions as F

from nightshelf.columns import DS, NIGHTSHELF, SEGMENT, SOURCE
from nightshelf.evaluation.people import ALL
from nightshelf.jobs.sections.nights import DAYS, none_where
from nightshelf.jobs.show import of_length, with_bounds
from nightshelf.report.page import Block, Note, Plot, Section, Table
from nightshelf.report.plots import Line, curve, intervals, lines
from nightshelf.runs import Run
from nightshelf.tables import GOLD_EVALUATION


class Judged:
    """What gold.evaluation tells of the last days; `day`: the newest that was judged, or None."""

    def __init__(self, run: Run) -> None:
        self.k = run.config.evaluate.shown_k
        self.horizon = run.config.evaluate.horizon_days
        self.last = run.ds - timedelta(days=self.horizon)  # whose lists the night of ds judges
        self.cells: dict[tuple[date, str, str], Row] = {}
        self.segments: list[Row] = []
        if run.store.version(GOLD_EVALUATION) is None:
            self.day = None
            return
        first = F.lit(run.ds - timedelta(days=DAYS + self.horizon))
        rows = run.read(GOLD_EVALUATION, until=run.ds).where(
            (F.col(DS) >= first) & (F.col(SOURCE) == ALL)
        )
        ndcg = f"ndcg@{self.k}"
        told = rows.where((F.col(SEGMENT) == ALL) | (F.col("metric") == ndcg)).collect()
        self.cells = {(r[DS], r["model"], r["metric"]): r for r in told if r[SEGMENT] == ALL}
        self.day = max((day for day, _, _ in self.cells), default=None)
        of_day = [r for r in told if r[DS] == self.day and r["metric"] == ndcg]
        self.segments = sorted(of_day, key=itemgetter(SEGMENT))

    @property
    def later(self) -> str:
        """Which days judge lists."""
        return "the day after" if self.horizon == 1 else f"the {self.horizon} days after"

    @property
    def days(self) -> list[date]:
        """Every day from the first that was judged to the last that could be, in order."""
        told = {day for day, _, _ in self.cells}
        if not told:
            return []
        first, last = min(told), max(*told, self.last)
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]

    @property
    def gaps(self) -> str:
        """A sentence on how many of the days were not judged; empty where all were."""
        every, told = len(self.days), len({day for day, _, _ in self.cells})
        return f" Not judged: {every - told} of the {every} nights." if every > told else ""

    @property
    def models(self) -> list[str]:
        """Ours first."""
        names = {model for _, model, _ in self.cells}
        return sorted(names, key=lambda name: (name != NIGHTSHELF, name))

    def line(self, model: str, metric: str, name: str, band: bool) -> Line:
        """A metric of a model over the days; NaN where they were not judged."""
        rows = [self.cells.get((day, model, metric)) for day in self.days]
        values, low, high = (
            [none_where(row[column] if row else None) for row in rows]
            for column in ("value", "low", "high")
        )
        return Line(name, self.days, values, *((low, high) if band else ()))


def over_time(judged: Judged) -> Section:
    """nDCG and hit rate beside baselines, over the days; all metrics of the newest."""
    title = "Did it work?"
    if judged.day is None:
        why = f"No lists were judged yet: `evaluate` does so once {judged.later} them have passed."
        return Section("quality", title, [Note(why)])
    blocks: list[Block] = []
    for metric, name in (("ndcg", "nDCG"), ("hit_rate", "Hit rate")):
        series = [
            judged.line(model, f"{metric}@{judged.k}", model, band=model == NIGHTSHELF)
            for model in judged.models
        ]
        caption = (
            f"{name} of the first {judged.k} of the lists of each day, by {judged.later} "
            f"it, beside baselines; {_bounds_told(series[0])}.{judged.gaps}"
        )
        blocks.append(Plot(lines(metric, f"{name}@{judged.k}", series), caption))
    return Section("quality", title, [*blocks, *_all_metrics(judged, judged.day)])


def _bounds_told(line: Line) -> str:
    if np.isnan(line.low or ()).all():
        return "too few users were judged for bounds"
    return "the band, a bar for a night by itself, is where the middle 95 % of draws lie"


def _all_metrics(judged: Judged, day: date) -> Iterator[Block]:
    """Those that any model has, and why ours has not the others."""
    rows = []
    metrics = sorted(of_length(judged.k))
    for metric in metrics:
        cells = [judged.cells.get((day, model, metric)) for model in judged.models]
        if any(cell and cell["value"] is not None for cell in cells):
            rows.append([metric, *map(with_bounds, cells)])
    if rows:
        head = ("metric", *judged.models)
        yield Table(f"The lists of {day}", head, rows, frozenset(range(1, len(head))))
    yield from _undefined((name, judged.cells.get((day, NIGHTSHELF, name))) for name in metrics)


def _undefined(cells: Iterable[tuple[str, Row | None]]) -> Iterator[Note]:
    """A note a reason on the names whose cell has no value."""
    names: dict[str, list[str]] = {}
    for name, cell in cells:
        if cell is None or cell["value"] is None:
            names.setdefault(_why(cell), []).append(name)
    for why, some in names.items():
        yield Note(f"Not defined: {', '.join(some)} - {why}.")


def _why(cell: Row | None) -> str:
    return (cell["why"] if cell is not None else None) or "not computed"


def scores(judged: Judged, day: date) -> Section:
    """ROC and calibration of a day's lists."""
    return Section("scores", "Are the scores right?", list(_curves(judged, day)))


def _curves(judged: Judged, day: date) -> Iterator[Block]:
    own = {m: row for (d, model, m), row in judged.cells.items() if (d, model) == (day, NIGHTSHELF)}
    area = own.get("auc")
    roc = sorted(
        (float(m.partition("@")[2]), row["value"])
        for m, row in own.items()
        if m.startswith("true_positives@")
    )
    if roc and area is not None and area["value"] is not None:
        x, y = zip(*roc, strict=True)
        labels = ("share of the others above", "share of the wanted above")
        yield Plot(
            curve("roc", f"ROC, AUC {area['value']:.3f}", x, y, labels),
            f"Of the rows of the lists of {day}: how well scores tell what was wanted.",
        )
    else:
        yield Note(f"AUC: {_why(area)}.")
    bins = sorted(int(m.partition("@")[2]) for m in own if m.startswith("predicted@"))
    error = own.get("ece")
    if bins and error is not None and error["value"] is not None:
        predicted = [own[f"predicted@{n}"]["value"] for n in bins]
        observed = [own[f"observed@{n}"]["value"] for n in bins]
        labels = ("probability told", "share that came true")
        yield Plot(
            curve(
                "calibration",
                f"Calibration, ECE {error['value']:.4f}",
                predicted,
                observed,
                labels,
            ),
            "On the dotted line probabilities are as they should be; bins of equal size.",
        )
    else:
        yield Note(f"Calibration: {_why(error)}.")


def for_whom(judged: Judged, day: date) -> Section:
    """nDCG by segment of a day's lists."""
    title = "For whom?"
    own = [r for r in judged.segments if r["model"] == NIGHTSHELF]
    points = [
        (f"{r[SEGMENT]} ({r['n']:,})", r["value"], none_where(r["low"]), none_where(r["high"]))
        for r in own
        if r["value"] is not None
    ]
    blocks: list[Block] = []
    if points:
        caption = f"nDCG@{judged.k} of the lists of {day}, and how many users were judged."
        if np.isnan([low for _, _, low, _ in points]).any():
            caption += " An open mark: too few of them for bounds."
        blocks.append(Plot(intervals("segments", f"nDCG@{judged.k} by segment", points), caption))
    blocks.extend(_undefined((r[SEGMENT], r) for r in own))
    return Section("segments", title, blocks or [Note("Nobody who could be judged.")])


def breadth(judged: Judged) -> Section:
    """Coverage, diversity and evenness over the days."""
    title = "How broad are the lists?"
    named = {
        "coverage": "items on any list",
        "diversity": "pairs of two categories",
        "gini": "unevenness (Gini)",
    }
    series = [
        judged.line(NIGHTSHELF, f"{metric}@{judged.k}", name, band=False)
        for metric, name in named.items()
    ]
    caption = (
        "Share of the items on sale that are on any list; share of pairs on a list that are of two "
        "categories; how unevenly lists show the items, 0 for equally often."
        f"{judged.gaps}"
    )
    return Section("breadth", title, [Plot(lines("breadth", "Breadth", series), caption)])
