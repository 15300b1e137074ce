"""Writes docs/benchmarks.md, and the plots in it, from the JSON files in results/."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pages import judging, neighbours, ranking, words
from pages.plots import PLOTS, draw
from pages.told import Figures, table
from report import RESULTS, ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """\
# Benchmarks

Made by `make bench-page` from the files in [bench/results](../bench/results), each written by the
command named with it; `make bench` runs them all. Ours and the peers' figures of one table were
measured in one run on the same cores, but for the quality of click models, whose tables say
where each was trained; peers live in environments of their own, whose versions
`bench/peers/*.txt` pin. What each number means, word by word, stands at the head of the script.
Figures that miss their target are in here like all others.
"""
VERDICT = re.compile(r"^- (.+): (.+) \((meets|misses) the target, (.+)\)$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """results/<name>.json, written by `make bench-<command>`, and how it is told."""

    name: str
    command: str
    title: str
    told: Callable[[Figures], str]


SECTIONS = (
    Section("item_cf", "item-cf", "Item-CF", neighbours.item_cf),
    Section("item_cf_growth", "growth", "Item-CF as a shop grows", neighbours.item_cf_growth),
    Section(
        "item_cf_cases",
        "cases",
        "Item-CF: robots, next nights, executors",
        neighbours.item_cf_cases,
    ),
    Section("quality", "quality", "Quality of item-CF and user-based CF", neighbours.quality),
    Section("topk", "topk", "Top-k retrieval", neighbours.topk),
    Section("train", "train", "Training the ranking model", ranking.train),
    Section("train_gpu", "train-gpu", "Training on a GPU", ranking.train_gpu),
    Section("score", "score", "Scoring by the ranking model", ranking.score),
    Section("ctr", "ctr", "Quality of click models", ranking.ctr),
    Section("lists", "lists", "Lists on real shops", ranking.lists),
    Section("truth", "truth", "Lists beside a simulated shop's truth", ranking.truth),
    Section("evaluate", "evaluate", "Judging lists", judging.evaluate),
    Section("planted", "planted", "A shop that changes", judging.planted),
    Section("month", "month", "A month of reports", judging.month),
    Section("search", "search", "Search", words.search),
    Section("text", "text", "Text", words.text),
    Section("simulate", "simulate", "Making the simulated shop", neighbours.simulate),
    Section("night", "night", "A night", neighbours.night),
    Section("read", "read", "Reading one user's list", judging.read),
)


def measured() -> dict[str, Figures]:
    """What there is of each section, by name."""
    paths = {section.name: RESULTS / f"{section.name}.json" for section in SECTIONS}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}


def page(figures: dict[str, Figures]) -> Iterator[str]:
    """Its parts; of what was not measured, that."""
    told = {s.name: s.told(figures[s.name]) for s in SECTIONS if s.name in figures}
    yield HEAD
    yield "## All targets\n"
    yield targets(told) + "\n"
    for plot in draw(figures):
        yield f"![{PLOTS[plot].alt}](../bench/results/{plot}.svg)\n"
    for section in SECTIONS:
        yield f"## {section.title}\n"
        command = f"`make bench-{section.command}`"
        if section.name in told:
            own = figures[section.name]
            yield f"{told[section.name]}\n"
            yield f"{command}, {own['date']}: {machine(own['machine'])}.\n"
        else:
            yield f"Not measured yet: {command}.\n"


def targets(told: dict[str, str]) -> str:
    """Every verdict of the sections, in one table."""
    rows = [
        [f"[{s.title}](#{anchor(s.title)})", what, value, target, "yes" if met == "meets" else "no"]
        for s in SECTIONS
        for what, value, met, target in VERDICT.findall(told.get(s.name, ""))
    ]
    return table(["", "what", "measured", "target", "met"], rows)


def anchor(title: str) -> str:
    """What a heading's link is on the page."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def machine(m: Figures) -> str:
    """Where it was measured, in a line."""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(m["versions"].items()))
    return (
        f"{m['cores']} cores ({m['cpu']}), {m['memory_gib']} GiB, Python {m['python']}, {versions}"
    )


if __name__ == "__main__":
    PAGE.write_text("\n".join(page(measured())))
