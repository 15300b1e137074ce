"""What features are scored by, as tasks see it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nightshelf.fields import Rows


class Scorer(Protocol):
    """A loaded model: B rows -> numbers (B, T): of scores, a column a task; of vectors, T long."""

    def __call__(self, rows: Rows) -> NDArray[np.float32]:
        """What the model says of the rows."""


class Explainer(Protocol):
    """A loaded model: B rows -> the names of the fields that speak for each."""

    def __call__(self, rows: Rows) -> list[list[str]]:
        """The names, a list a row, the strongest first."""
