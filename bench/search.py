"""How well results of a query are ordered: ours, BM25, the encoder as it came: results/search.json.

    python bench/search.py [simulated|home_depot|augmented ...]

Each part is told of where it is measured: `search_simulated.py` and `search_judgements.py`.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from report import RESULTS, write
from search_judgements import DATA, augmented, home_depot
from search_simulated import plot, simulated

PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "simulated": simulated,
    "home_depot": home_depot,
    "augmented": augmented,
}


def main() -> None:
    """Measures the parts named, or all, and keeps the figures of the others."""
    path = RESULTS / "search.json"
    figures = json.loads(path.read_text()) if path.exists() else {}
    for name in sys.argv[1:] or PARTS:
        if name != "simulated" and not DATA.exists():
            print(f"search: {name} needs homedepot in ../shared/data; left out", file=sys.stderr)
            continue
        figures[name] = PARTS[name]()
        print(f"search: {name} {json.dumps(figures[name])}", file=sys.stderr)
        if name == "simulated":
            plot(figures[name]["examples"], RESULTS / "search.svg")
        write("search", {part: figures[part] for part in PARTS if part in figures})


if __name__ == "__main__":
    main()
