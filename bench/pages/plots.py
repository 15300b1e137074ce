"""The plots on the page of benchmarks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure
from pages.told import Figures
from report import RESULTS

OURS, THEIRS, INK = "#2f6db5", "#9aa7b4", "#4a5560"
Measured = dict[str, Figures]


@dataclass(frozen=True)
class Plot:
    """How it is drawn from what was measured, and what it shows, in words."""

    make: Callable[[Measured], Figure | None]
    alt: str


def _speed_ups(all_of: Measured) -> Iterator[tuple[str, float]]:
    """What ours is compared with, and how many times as fast ours is."""
    if f := all_of.get("item_cf"):
        yield f"item-CF: implicit {f['implicit_version']}, fit in memory", 1 / f["ratio"]
        yield f"item-CF, 5 %: RePlay {f['replay_version']}", f["replay_ratio_5pct"]
    if f := all_of.get("topk"):
        yield "top-100 retrieval: Spark's ALS", f["ratio"]
    if f := all_of.get("train"):
        yield "training DCN-v2: plain PyTorch in memory", f["ratio_plain_np1"]
        yield "training DCN-v2: FuxiCTR", f["ratio_fuxictr"]
    if f := all_of.get("score"):
        yield "scoring: plain PyTorch in memory", f["ratio"]
    if f := all_of.get("evaluate"):
        yield f"judging lists: ranx {f['ranx_version']}", f["ratio_ranx"]
        yield f"judging lists: recommenders {f['recommenders_version']}", f["ratio_recommenders"]
    if f := all_of.get("text", {}).get("encode"):
        yield "encoding texts, fp32: sentence-transformers", f["over_best"]["fp32"]
        yield "encoding texts, int8: sentence-transformers", f["over_best"]["int8"]


def speed(all_of: Measured) -> Figure | None:
    """A bar a peer, from 1, on a logarithmic axis."""
    told = list(_speed_ups(all_of))
    if not told:
        return None
    told.sort(key=lambda pair: pair[1])
    figure = Figure(figsize=(8, 0.8 + 0.34 * len(told)), layout="constrained")
    axes = figure.subplots()
    names, times = zip(*told, strict=True)
    colours = [OURS if value >= 1 else THEIRS for value in times]
    axes.barh(names, [value - 1 for value in times], left=1, color=colours)
    axes.set_xscale("log")
    axes.set_xlim(min(0.5, *times) * 0.8, max(times) * 1.6)
    axes.axvline(1, color=INK, linewidth=1)
    for place, value in enumerate(times):
        axes.annotate(
            f"{value:.2g}",
            (value, place),
            xytext=(4 if value >= 1 else -4, 0),
            textcoords="offset points",
            ha="left" if value >= 1 else "right",
            va="center",
        )
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50) if tick < max(times) * 1.6]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("times as fast as the peer, same work and cores")
    _plain(figure)
    return figure


def quality(all_of: Measured) -> Figure | None:
    """nDCG@10 of item-CF alone, of the blend and of ranked lists, a group a shop."""
    f = all_of.get("lists", {})
    shops = [name for name in f if isinstance(f[name], dict) and "ndcg@10" in f[name]]
    if not shops:
        return None
    systems = {"item_cf": "item-CF alone", "blend": "blend of sources", "ranked": "ranked"}
    colours = (THEIRS, "#6f94c0", OURS)
    figure = Figure(figsize=(8, 3), layout="constrained")
    for axes, shop in zip(figure.subplots(1, len(shops), squeeze=False)[0], shops, strict=True):
        values = [f[shop]["ndcg@10"][system] for system in systems]
        axes.bar(list(systems.values()), values, color=colours, width=0.7)
        for place, value in enumerate(values):
            axes.annotate(f"{value:.4f}", (place, value), ha="center", va="bottom")
        axes.set_title(shop.replace("_", " "), fontsize=10)
        axes.set_ylim(0, max(values) * 1.15)
        axes.tick_params(axis="x", labelsize=8)
    figure.supylabel("nDCG@10", fontsize=9)
    _plain(figure)
    return figure


PLOTS = {
    "speed": Plot(speed, "how many times as fast as each peer"),
    "list_quality": Plot(quality, "nDCG@10 of lists on real shops"),
}


def draw(all_of: Measured) -> Iterator[str]:
    """Draws what there are figures for into results/<name>.svg, and tells the names."""
    # Text stays text, and the same figures give the same file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "nightshelf"}):
        for name, plot in PLOTS.items():
            if figure := plot.make(all_of):
                figure.savefig(RESULTS / f"{name}.svg", metadata={"Date": None}, facecolor="white")
                yield name


def _plain(figure: Figure) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=0)
