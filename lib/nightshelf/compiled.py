"""Where numba may keep what it has compiled."""

import os
from pathlib import Path
from typing import Final

CACHED: Final = os.access(Path(__file__).parent, os.W_OK)
"""Numba fails where it finds no place for compiled code, as in a zip on an executor without a home;
there each worker process compiles for itself, a few seconds."""
