"""A trained model as Spark's Python workers use it: loaded once a process."""

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from nightshelf.ctr.encoder import Encoder
from nightshelf.ctr.explain import top_features
from nightshelf.ctr.trained import Trained
from nightshelf.fields import Rows
from nightshelf.learning.precision import Precision
from nightshelf.learning.storage import Folder


@dataclass(frozen=True)
class ModelLoader:
    """Where a model lies and how it multiplies; calling it loads the model."""

    folder: str
    precision: Precision = "fp32"

    @property
    def key(self) -> str:
        """Tells models apart."""
        return f"{self.folder}:{self.precision}"

    def __call__(self) -> "Scorer":
        """The model, on the threads that Spark gives its task."""
        model = _loaded(self.folder)
        model.precision = self.precision
        return Scorer(model)


@dataclass(frozen=True)
class Scorer:
    """A loaded model: rows -> calibrated probabilities (B, T)."""

    model: Trained

    def __call__(self, rows: Rows) -> NDArray[Any]:
        """Scores the rows."""
        return np.asarray(self.model.probabilities(rows))


@dataclass(frozen=True)
class TowerLoader:
    """Where two towers lie, and which of them is wanted; calling it loads it."""

    folder: str
    side: Literal["users", "items"]

    @property
    def key(self) -> str:
        """Tells models apart."""
        return f"{self.folder}:{self.side}"

    def __call__(self) -> "Tower":
        """The tower, on the threads that Spark gives its task."""
        return Tower(Encoder(_loaded(self.folder)), self.side)


@dataclass(frozen=True)
class Tower:
    """A loaded tower: rows -> vectors (B, K)."""

    encoder: Encoder
    side: Literal["users", "items"]

    def __call__(self, rows: Rows) -> NDArray[Any]:
        """The rows' vectors."""
        return self.encoder.users(rows) if self.side == "users" else self.encoder.items(rows)


@dataclass(frozen=True)
class ExplainerLoader:
    """Where a model lies, and how many features it shall name; calling it loads the model.

    left_out: columns of inputs that are never named.
    """

    folder: str
    features: int
    left_out: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Tells models apart."""
        return f"{self.folder}:explain:{self.features}"

    def __call__(self) -> "Explainer":
        """The model, on the threads that Spark gives its task."""
        return Explainer(_loaded(self.folder), self.features, self.left_out)


@dataclass(frozen=True)
class Explainer:
    """A loaded model: rows -> the names of the fields that raise the first task's logit most."""

    model: Trained
    features: int
    left_out: tuple[str, ...] = ()

    def __call__(self, rows: Rows) -> list[list[str]]:
        """The names, at most `features` a row, the strongest first."""
        return top_features(
            self.model.network,
            self.model.lookup,
            rows,
            self.features,
            inputs=self.model.inputs,
            left_out=self.left_out,
        )


def _loaded(folder: str) -> Trained:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    return Trained.load(Folder(folder))
