"""Runs every bench, one after another, and writes docs/benchmarks.md.

    python bench/every.py [item_cf|train|... ...]

A bench that needs data that is not there says so and is left out; one that fails does not stop the
others. At the end stands a line a bench: seconds, and how it ended. Exits with 1 where any failed.
"""

import subprocess
import sys
import time

from page import SECTIONS
from report import ROOT

BENCH = ROOT / "bench"


def run(name: str) -> tuple[float, str]:
    """Seconds, and how it ended: `done`, `left out` or `failed`."""
    began, last = time.monotonic(), ""
    command = [sys.executable, str(BENCH / f"{name}.py")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as bench:
        assert bench.stderr is not None
        for last in bench.stderr:
            print(last, end="", file=sys.stderr)
    how = "left out" if last.strip().endswith("left out") else "failed"
    return time.monotonic() - began, how if bench.returncode else "done"


def main() -> None:
    """Runs those asked for, all without a name, and writes the page."""
    known = [section.name for section in SECTIONS]
    asked = sys.argv[1:] or known
    if unknown := set(asked) - set(known):
        sys.exit(f"bench: no bench {', '.join(sorted(unknown))}: expected {', '.join(known)}")
    told = {}
    for name in asked:
        print(f"bench: {name}", file=sys.stderr)
        told[name] = run(name)
    subprocess.run([sys.executable, str(BENCH / "page.py")], check=True)
    for name, (seconds, how) in told.items():
        print(f"{name:16} {seconds:8.0f} s  {how}")
    sys.exit(any(how == "failed" for _, how in told.values()))


if __name__ == "__main__":
    main()
