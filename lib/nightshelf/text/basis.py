"""Vectors of texts reduced to a few numbers, for models that read them beside other features."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from nightshelf.errors import DataQualityError
from nightshelf.learning import checkpoint
from nightshelf.learning.storage import Folder

Singles = NDArray[np.float32]


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
    much as it varies.
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
    size = np.sqrt(max(float(variances.mean()), 1e-12))
    return Basis(mean.astype(np.float32), (directions / size).astype(np.float32))
