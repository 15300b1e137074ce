"""Prints the part of requirements.lock that a cluster needs: no checks, tests or other readers.

Usage: dist_lock.py REQUIREMENTS_LOCK, by the Python of an environment that make setup has made.
"""

import re
import sys
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("explain", "hdfs", "text", "tracking")
LEFT_OUT = {
    "horovod",  # built, not downloaded
    "triton",  # 640 MB, for torch.compile
}


def needed(name: str, extras: frozenset[str], found: dict[str, frozenset[str]]) -> None:
    """Adds the package, with its extras, and what it requires to what was found."""
    known = found.get(name)
    if known is not None and extras <= known:
        return
    found[name] = extras | (known or frozenset())
    for line in requires(name) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": e}) for e in extras | {""}):
            told = canonicalize_name(requirement.name)
            if told not in LEFT_OUT:
                needed(told, frozenset(requirement.extras), found)


def main() -> None:
    """Prints each needed requirement of the lock with its hashes."""
    found: dict[str, frozenset[str]] = {}
    needed("nightshelf", frozenset(EXTRAS), found)
    locked = re.split(r"\n(?=\S)", Path(sys.argv[1]).read_text().strip())
    for requirement in locked:
        if re.split(r"[=\[]", requirement, maxsplit=1)[0] in found:
            print(requirement)


if __name__ == "__main__":
    main()
