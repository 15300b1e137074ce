"""What all compiled kernels share."""

import os
from pathlib import Path

# Numba fails where it finds no place for compiled code, as in a zip on an executor without a home;
# there each worker process compiles for itself, a few seconds.
CACHED = os.access(Path(__file__).parent, os.W_OK)
