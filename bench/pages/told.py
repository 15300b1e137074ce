"""How figures are told on the page of benchmarks."""

from collections.abc import Iterable
from typing import Any

ABOVE = "interval above 0"

Figures = dict[str, Any]


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def against(value: float | str, target: str, is_met: bool) -> str:
    """The value beside its target."""
    shown = value if isinstance(value, str) else f"{value:g}"
    return f"{shown} ({'meets' if is_met else 'misses'} the target, {target})"


def interval(f: Figures, digits: int = 2) -> str:
    """A relative gain with its interval."""
    value, low, high = (f"{f[name]:+.{digits}%}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
