"""Two trained towers: rows -> the vectors of their users and items."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from nightshelf.ctr.batch import Batch
from nightshelf.ctr.models.two_tower import TwoTower
from nightshelf.ctr.trained import Singles, Trained
from nightshelf.fields import Rows


class Encoder:
    """A trained model's towers: rows -> vectors (B, K) of length 1.

    The layers multiply in double precision and the vectors are rounded to single: a user's or an
    item's vector does not hang on which others are in the batch.
    """

    def __init__(self, model: Trained) -> None:
        assert isinstance(model.network, TwoTower)
        self.model = model
        self.network = copy.deepcopy(model.network).double().eval()

    def users(self, rows: Rows) -> Singles:
        """The rows' users."""
        return self._vectors(rows, self.network.users)

    def items(self, rows: Rows) -> Singles:
        """The rows' items."""
        return self._vectors(rows, self.network.items)

    def _vectors(self, rows: Rows, tower: Callable[[Batch], Tensor]) -> Singles:
        found = np.empty((len(rows), self.network.width), np.float32)
        for some in self.model.slices(len(rows)):
            with torch.inference_mode():
                found[some] = tower(self._batch(rows.take(some))).cpu().numpy()
        return found

    def _batch(self, rows: Rows) -> Batch:
        batch = self.model.lookup(rows)
        return replace(
            batch,
            fields=batch.fields.double(),
            numbers=batch.numbers.double(),
            vectors=batch.vectors.double(),
            history=None if batch.history is None else batch.history.double(),
        )
