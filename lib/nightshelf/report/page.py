"""The page: sections of plots, tables and notes, all in one file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape


@dataclass(frozen=True)
class Plot:
    """An SVG element, and what it shows in words."""

    svg: str
    caption: str
    kind: Literal["plot"] = "plot"

    @property
    def markup(self) -> Markup:
        """The element as it is: `plots` escapes what is written in it."""
        return Markup(self.svg)  # noqa: S704 (matplotlib's own SVG)


@dataclass(frozen=True)
class Table:
    """Rows under a head; cells of the columns in `numbers` are set to the right."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Note:
    """A sentence: what is missing and why, or what went wrong (`is_alarm`)."""

    text: str
    is_alarm: bool = False
    kind: Literal["note"] = "note"


@dataclass(frozen=True)
class Shown:
    """A row of a shopper's list; `picture` is a URL."""

    title: str
    reason: str
    score: str
    picture: str | None = None


@dataclass(frozen=True)
class Shopper:
    """One shopper: what they chose lately, and what they are shown."""

    user: str
    history: Sequence[str]
    list: Sequence[Shown]
    kind: Literal["shopper"] = "shopper"


Block = Plot | Table | Note | Shopper


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """facts: (name, value) pairs for the head of the page."""

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section] = field(default=())


def shows(html: str, user: str) -> bool:
    """Whether the user is among the shoppers of a page."""
    return f"<h3>{escape(user)}</h3>" in html


def rendered(page: Page) -> str:
    """The page as HTML: styles and plots are within, and nothing is fetched but pictures."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = files("nightshelf.report").joinpath("page.html").read_text()
    return environment.from_string(template).render(page=page)
