"""Where numba may keep what it has compiled."""

import os
from pathlib import Path
from typing import Final


def _has_a_place() -> bool:
    here = Path(__file__).parent
    if ".zip" not in here.as_posix():
        return os.access(here, os.W_OK)
    # What comes from a zip numba keeps below the user's cache, for each place of a zip anew. On a
    # cluster each executor is such a place, so that without a folder named for it one would fill.
    cache = os.environ.get("XDG_CACHE_HOME")
    if not cache:
        return False
    place = Path(cache) / "numba"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(place, os.W_OK)


CACHED: Final = _has_a_place()
"""Numba fails where it finds no place for compiled code; there each worker process compiles for
itself, some seconds."""
