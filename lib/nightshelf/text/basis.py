"""Vectors of texts reduced to a few numbers, for models that read them beside other features."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from nightshelf.errors import DataQualityError
from nightshelf.learning import checkpoint
from nightshelf.learning.storage import Folder

Singles = NDArray[np.float32]
LEAST: Final = 2
"""Fewer vectors differ in nothing that could be learnt."""


@dataclass(frozen=True)
class Basis:
    """Principal components: mean (D,), directions (D, d), scaled so that numbers are of about 1."""

    mean: Singles
    directions: Singles

    def __call__(self, vectors: Singles) -> Singles:
        """(N, D) -> (N, d)."""
        return (vectors - self.mean) @ self.directions

    def save(self, folder: Folder, name: str) -> None:
        """Writes it to a folder."""
        tensors = {"mean": self.mean, "directions": self.directions}
        checkpoint.write(folder, name, {n: torch.from_numpy(a) for n, a in tensors.items()}, {})

    @staticmethod
    def load(folder: Folder, name: str) -> "Basis | None":
        """The basis of a folder; None where there is none, or a torn one."""
        try:
            tensors, _ = checkpoint.read(folder, name)
        except DataQualityError:
            return None
        return Basis(tensors["mean"].numpy(), tensors["directions"].numpy())


def fit(vectors: Singles, dimensions: int) -> Basis:
    """The first `dimensions` principal components of vectors (N, D), or all where D is smaller.

    One factor scales them all, so that the mean of their variances is 1 and each still tells as
    much as it varies; vectors that are all the same tell no factor.
    """
    exact = vectors.astype(np.float64)
    mean = exact.mean(0)
    centred = exact - mean
    variances, directions = np.linalg.eigh(centred.T @ centred / max(1, len(exact)))
    wanted = min(dimensions, len(variances))
    variances, directions = variances[::-1][:wanted], directions[:, ::-1][:, :wanted]
    # A component's sign is the solver's whim: the largest entry is made positive.
    largest = np.abs(directions).argmax(0)
    directions = directions * np.sign(directions[largest, np.arange(wanted)])
    variance = float(variances.mean())
    size = np.sqrt(variance) if variance > 1e-12 else 1.0
    return Basis(mean.astype(np.float32), (directions / size).astype(np.float32))
