"""Plots as SVG that takes its colours and its fonts from the page it is in."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DateLocator, DayLocator
from matplotlib.figure import Figure
from numpy.typing import NDArray

WIDTH, WIDE, HEIGHT = 4.8, 9.6, 2.9  # inches; the page scales it
LETTERS: Final = 40
"""So many fit into a line above a plot, beside the marks of four series."""
INK: Final = "#010101"
"""Stands for the colour of the page's text."""
SERIES: Final = ("#010102", "#010103", "#010104", "#010105", "#010106")
"""Stand for the page's colours of series, `--series-1` and so on."""
_SETTINGS: Final = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a shop's names may have dollar signs
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.edgecolor": "none",
}


@dataclass(frozen=True)
class Line:
    """Values by day with their bounds, each as long as `days`; NaN where there is none."""

    name: str
    days: Sequence[date]
    values: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def lines(name: str, title: str, series: Sequence[Line]) -> str:
    """Series over days, in the order of the page's colours; a band is an interval.

    So is a bar, of a day that has none beside it: a band would have no width there.
    """

    def draw(axes: Axes) -> None:
        for line, colour in zip(series, SERIES, strict=False):
            days = np.array(line.days, "datetime64[D]")
            axes.plot(days, line.values, color=colour, label=line.name, marker=".", linewidth=1.5)
            if line.low is not None and line.high is not None:
                low, high = np.array(line.low, float), np.array(line.high, float)
                axes.fill_between(days, low, high, color=colour, alpha=0.15, linewidth=0)
                alone = _alone(~np.isnan(low + high))
                axes.vlines(days[alone], low[alone], high[alone], color=colour, alpha=0.4)
        every = [day for line in series for day in line.days]
        # Days since 1970, as on the axis.
        shown = np.array(every, "datetime64[D]").astype(np.float64)
        locator = _days_told(shown.max() - shown.min())
        axes.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(formatter)
        axes.set_xlim(shown.min() - 1, shown.max() + 1)
        axes.set_ylim(bottom=0)
        # No wider than the plot.
        rows = 1 if sum(len(line.name) for line in series) <= LETTERS else 2
        axes.legend(
            ncols=-(-len(series) // rows),
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            borderaxespad=0,
            columnspacing=1,
            handlelength=1.2,
        )
        axes.set_title(title, pad=8 + 14 * rows)

    return _drawn(name, draw, HEIGHT)


def _days_told(span: float) -> DateLocator:
    """Which of so many days are named on the axis; of few, the other locator would name hours."""
    if span < 5:
        return DayLocator()  # type: ignore[no-untyped-call]
    return AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]


def _alone(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of those that are known have no such neighbour."""
    padded = np.pad(known, 1)
    return known & ~padded[:-2] & ~padded[2:]


def curve(
    name: str, title: str, x: Sequence[float], y: Sequence[float], labels: tuple[str, str]
) -> str:
    """One curve beside the diagonal."""

    def draw(axes: Axes) -> None:
        end = max(*x, *y)
        axes.plot([0, end], [0, end], color=INK, linewidth=0.8, linestyle=":")
        axes.plot(x, y, color=SERIES[0], marker=".", linewidth=1.5)
        axes.set(xlabel=labels[0], ylabel=labels[1], title=title)
        axes.set_xlim(0, end)
        axes.set_ylim(0, end)

    return _drawn(name, draw, HEIGHT)


def bars(name: str, title: str, values: Mapping[str, float]) -> str:
    """A bar a name, the first on top."""

    def draw(axes: Axes) -> None:
        places = np.arange(len(values))
        axes.barh(places, list(values.values()), color=SERIES[0], height=0.7)
        axes.set_yticks(places, list(values))
        axes.invert_yaxis()
        axes.set_title(title)

    return _drawn(name, draw, 0.6 + 0.22 * len(values))


def columns(name: str, title: str, values: Mapping[str, float]) -> str:
    """A column a name, from left to right; every third name is told."""

    def draw(axes: Axes) -> None:
        axes.bar(list(values), list(values.values()), color=SERIES[0], width=0.7)
        axes.set_xticks(range(0, len(values), 3))
        axes.set_title(title)

    return _drawn(name, draw, HEIGHT)


def intervals(name: str, title: str, rows: Sequence[tuple[str, float, float, float]]) -> str:
    """A point with its bounds a row (name, value, low, high), the first on top.

    An open point where the bounds are NaN.
    """

    def draw(axes: Axes) -> None:
        places = np.arange(len(rows))
        value, low, high = (np.array(column, float) for column in list(zip(*rows, strict=True))[1:])
        known = ~np.isnan(low + high)
        axes.hlines(places[known], low[known], high[known], color=SERIES[0])
        for some, fill in ((known, SERIES[0]), (~known, "none")):
            axes.plot(value[some], places[some], "o", color=SERIES[0], mfc=fill, markersize=4)
        axes.set_yticks(places, [row[0] for row in rows])
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        axes.set_title(title)

    return _drawn(name, draw, 0.6 + 0.22 * len(rows))


def heat(
    name: str, title: str, rows: Sequence[str], columns: Sequence[str], shares: NDArray[np.float64]
) -> str:
    """A cell a (row, column) with its share in percent, empty where it is NaN."""
    width = WIDTH if len(columns) <= 12 else WIDE
    size = min(8.0, 21 * width / len(columns))  # points: "100%" is no wider than a cell

    def draw(axes: Axes) -> None:
        for r, c in zip(*np.nonzero(~np.isnan(shares)), strict=True):
            strength = 0.08 + 0.72 * float(np.clip(shares[r, c], 0, 1))
            axes.add_patch(
                mpl.patches.Rectangle((c, r), 0.96, 0.92, color=SERIES[0], alpha=strength, lw=0)
            )
            axes.text(c + 0.48, r + 0.5, f"{shares[r, c]:.0%}", ha="center", va="center", size=size)
        axes.set_xlim(0, len(columns))
        axes.set_ylim(len(rows), 0)
        axes.set_xticks(np.arange(len(columns)) + 0.48, columns)
        axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_title(title)

    return _drawn(name, draw, 0.7 + 0.26 * len(rows), width)


def _drawn(name: str, draw: Callable[[Axes], Any], height: float, width: float = WIDTH) -> str:
    """The SVG element; `name` keeps the ids inside apart from those of other plots of a page."""
    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.subplots())
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # As wide as the page lets it be, but not so narrow that its letters could not be read.
    wide = f"max-width: {width * 96:.0f}px; min-width: {width * 68:.0f}px"
    spans = ' class="wide"' if width > WIDTH else ""
    element = rf'<svg viewBox="\1"{spans} style="{wide}" role="img">'
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', element, svg, count=1)
    svg = re.sub(r"font-family: [^;]*; ?", "", svg)
    svg = re.sub(r'id="([\w.]+_\d+)"', rf'id="{name}-\1"', svg)
    for n, colour in enumerate(SERIES, 1):
        svg = svg.replace(colour, f"var(--series-{n})")
    return svg.replace(INK, "currentColor")
