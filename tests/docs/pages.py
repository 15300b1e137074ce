"""What the README and the pages of docs/ hold: blocks of code, commands, links."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^]\n]+\]\(([^)\s]+)\)|!\[[^]\n]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block and where it stands."""

    page: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(kind: str) -> list[Block]:
    """All of a kind, page by page."""
    return [
        Block(page, text[: found.start()].count("\n") + 1, kind, textwrap.dedent(found[3]))
        for page, text in ((page, page.read_text()) for page in PAGES)
        for found in _BLOCK.finditer(text)
        if found[2] == kind
    ]


def commands(block: Block) -> Iterator[str]:
    """The block's commands, each on one line, without comments."""
    for line in re.sub(r"\\\n\s*", " ", block.text).splitlines():
        told = re.sub(r"(^|\s)#.*", "", line).strip()
        if told:
            yield told


def links(page: Path) -> Iterator[str]:
    """Where its links and pictures lead."""
    for found in _LINK.finditer(_BLOCK.sub("", page.read_text())):
        yield found[1] or found[2]


def anchors(page: Path) -> set[str]:
    """The names of its headings."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text()), re.MULTILINE)
    plain = (re.sub(r"[^\w -]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}
