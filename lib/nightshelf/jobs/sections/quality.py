"""How good the lists were: over time, beside baselines, for whom, and how broad."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from pyspark.sql import Row
from pyspark.sql import functions as F

from nightshelf.columns import DS, SEGMENT, SOURCE
from nightshelf.evaluation.people import ALL
from nightshelf.jobs.evaluate import NIGHTSHELF
from nightshelf.jobs.sections.nights import DAYS, none_where
from nightshelf.jobs.show import of_length, with_bounds
from nightshelf.report.page import Block, Note, Plot, Section, Table
from nightshelf.report.plots import Line, curve, intervals, lines
from nightshelf.runs import Run
from nightshelf.tables import GOLD_EVALUATION

Cells = Mapping[tuple[date, str, str], Row]


class Judged:
    """What gold.evaluation tells of the last days; `day`: the newest that was judged, or None."""

    def __init__(self, run: Run) -> None:
        self.k = run.config.evaluate.ks[len(run.config.evaluate.ks) // 2]
        self.horizon = run.config.evaluate.horizon_days
        self.cells: dict[tuple[date, str, str], Row] = {}
        self.segments: list[Row] = []
        if run.store.version(GOLD_EVALUATION) is None:
            self.day = None
            return
        first = F.lit(run.ds - timedelta(days=DAYS + self.horizon))
        rows = run.read(GOLD_EVALUATION, until=run.ds).where(
            (F.col(DS) >= first) & (F.col(SOURCE) == ALL)
        )
        overall = rows.where(F.col(SEGMENT) == ALL).collect()
        self.cells = {(r[DS], r["model"], r["metric"]): r for r in overall}
        self.day = max((day for day, _, _ in self.cells), default=None)
        ndcg = (F.col("metric") == f"ndcg@{self.k}") & (F.col(DS) == F.lit(self.day))
        self.segments = rows.where(ndcg).orderBy(SEGMENT).collect() if self.day else []

    @property
    def later(self) -> str:
        """Which days judge lists."""
        return "the day after" if self.horizon == 1 else f"the {self.horizon} days after"

    @property
    def days(self) -> list[date]:
        """Those that were judged, in order."""
        return sorted({day for day, _, _ in self.cells})

    @property
    def models(self) -> list[str]:
        """Ours first."""
        names = {model for _, model, _ in self.cells}
        return sorted(names, key=lambda name: (name != NIGHTSHELF, name))

    def line(self, model: str, metric: str, name: str, band: bool) -> Line:
        """A metric of a model over the days."""
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
            "it, beside baselines; the band is where the middle 95 % of draws lie."
        )
        blocks.append(Plot(lines(metric, f"{name}@{judged.k}", series), caption))
    blocks.append(_all_metrics(judged, judged.day))
    return Section("quality", title, blocks)


def _all_metrics(judged: Judged, day: date) -> Table:
    rows = []
    for metric in sorted(of_length(judged.k)):
        cells = [judged.cells.get((day, model, metric)) for model in judged.models]
        if any(cell and cell["value"] is not None for cell in cells):
            rows.append([metric, *map(with_bounds, cells)])
    head = ("metric", *judged.models)
    return Table(f"The lists of {day}", head, rows, frozenset(range(1, len(head))))


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
        yield Note(f"AUC: {area['why'] if area is not None else 'not computed'}.")
    bins = sorted(int(m.partition("@")[2]) for m in own if m.startswith("predicted@"))
    if bins:
        predicted = [own[f"predicted@{n}"]["value"] for n in bins]
        observed = [own[f"observed@{n}"]["value"] for n in bins]
        labels = ("probability told", "share that came true")
        yield Plot(
            curve(
                "calibration",
                f"Calibration, ECE {own['ece']['value']:.4f}",
                predicted,
                observed,
                labels,
            ),
            "On the dotted line probabilities are as they should be; bins of equal size.",
        )
    elif "ece" in own:
        yield Note(f"Calibration: {own['ece']['why']}.")


def for_whom(judged: Judged, day: date) -> Section:
    """nDCG by segment of a day's lists."""
    title = "For whom?"
    ours = [
        (f"{r[SEGMENT]} ({r['n']:,})", r["value"], none_where(r["low"]), none_where(r["high"]))
        for r in judged.segments
        if r["model"] == NIGHTSHELF and r["value"] is not None
    ]
    if not ours:
        return Section("segments", title, [Note("Nobody who could be judged.")])
    caption = f"nDCG@{judged.k} of the lists of {day}, and how many users were judged."
    return Section(
        "segments",
        title,
        [Plot(intervals("segments", f"nDCG@{judged.k} by segment", ours), caption)],
    )


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
    )
    return Section("breadth", title, [Plot(lines("breadth", "Breadth", series), caption)])
