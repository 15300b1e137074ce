"""One step of training: loss, gradients, their exchange, and the optimisers."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nightshelf.ctr.architecture import Network
from nightshelf.ctr.objective import Objective
from nightshelf.ctr.settings import Settings
from nightshelf.ctr.table import Layout, Looked, Table, batch_of, looked_up
from nightshelf.errors import DataQualityError
from nightshelf.fields import Rows
from nightshelf.learning.distributed import Ranks
from nightshelf.learning.flat import Flat
from nightshelf.learning.precision import LossScale, arithmetic


@dataclass
class Step:
    """What a step changes: the layers, the table, the scale of the loss."""

    objective: Objective
    network: Network
    layout: Layout
    table: Table
    flat: Flat
    scale: LossScale
    ranks: Ranks
    settings: Settings
    device: torch.device

    def take(self, rows: Rows, looked: Looked, all_rows: int, step: int, rate: float) -> float:
        """One step, counted from 1, on this rank's rows of `all_rows`; the mean loss of its own.

        `rows` are those that the objective learns from, `all_rows` the batch's of all ranks. A rank
        without any takes the step with what the others learn: all take as many steps.
        Raises DataQualityError where the gradients of the ranks are no numbers any more: on all
        ranks at once.
        """
        self.flat.clear()
        touched = looked.touched
        vectors = self.table.vectors(touched)
        losses = self._backward(rows, looked, vectors, all_rows, step)
        own = torch.zeros_like(vectors) if vectors.grad is None else vectors.grad
        self.ranks.sum_layers(self.flat.gradients)
        touched, gradients = self.ranks.sum_rows(touched, own, self.layout.rows)
        # The step's only wait for the device.
        sums = torch.stack([losses, *(g.sum().double() for g in (self.flat.gradients, gradients))])
        total, of_layers, of_table = map(float, sums.tolist())
        loss = total / max(1, len(rows))
        finite = math.isfinite(of_layers + of_table)
        scale = self.scale.value
        if not finite and self.scale.is_least:
            raise DataQualityError(
                f"the training diverged in step {step}: its gradients are no finite numbers (loss "
                f"{loss:g}); lower ctr.learning_rate, or look at the numeric features"
            )
        if self.scale.accepts(finite):
            if scale != 1.0:
                self.flat.gradients.div_(scale)
                gradients.div_(scale)
            self.flat.step(rate)
            if not self.settings.lazy:
                touched, gradients = self.table.everywhere(touched, gradients)
            decay = self.settings.embedding_decay
            self.table.step(touched, gradients, rate=rate, step=step, decay=decay)
        return loss

    def _backward(
        self, rows: Rows, looked: Looked, vectors: Tensor, all_rows: int, step: int
    ) -> Tensor:
        """Adds up the gradients of the rows, in `accumulate` slices; returns their losses' sum."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        if not len(rows):
            return total
        settings = self.settings
        if settings.architecture.dropout:
            # A training that goes on after a break drops what it would have dropped.
            torch.manual_seed((settings.seed << 32) + step * self.ranks.size + self.ranks.rank)
        share = -(-len(rows) // settings.accumulate)
        of_fields = len(self.layout.inputs.categorical)
        learnt_from = all_rows * self.objective.share
        for start in range(0, len(rows), share):
            some = rows.take(slice(start, start + share))
            found = looked_up(vectors, looked.places[start : start + share])
            fields, items = found[:, :of_fields], found[:, of_fields:]
            batch = batch_of(some, fields, items, self.layout, self.device)
            with arithmetic(settings.precision, self.device):
                loss = self.objective.loss(self.network, batch, some)
            torch.autograd.backward(loss * (self.scale.value / learnt_from))
            total += loss.detach()
        return total
