"""The training of a model by one of its ranks; all ranks run the same."""

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nightshelf.ctr.average import Average
from nightshelf.ctr.decoding import shard
from nightshelf.ctr.models import build
from nightshelf.ctr.objective import Clicks, Objective
from nightshelf.ctr.settings import Settings
from nightshelf.ctr.steps import Step
from nightshelf.ctr.table import Layout, Looked, Lookup, Table, near
from nightshelf.ctr.trained import Trained
from nightshelf.fields import Inputs, Rows
from nightshelf.learning import checkpoint, progress
from nightshelf.learning.ahead import Ahead
from nightshelf.learning.distributed import Ranks, device_of
from nightshelf.learning.flat import Flat
from nightshelf.learning.plan import group_rows, planned
from nightshelf.learning.precision import LossScale
from nightshelf.learning.state import BEST, CHECKPOINTS, State, resumable
from nightshelf.learning.storage import Folder


class Training:
    """Learns from `<data>/train`, stops by `<data>/valid`, and keeps its state in `<out>`.

    The best epoch's model, as the objective judges it, is what it results in. Without an objective
    it learns the probabilities of the tasks.
    """

    def __init__(
        self,
        data: Folder,
        out: Folder,
        settings: Settings,
        ranks: Ranks,
        objective: Objective | None = None,
    ) -> None:
        self.settings, self.ranks, self.data, self.out = settings, ranks, data, out
        self.objective = objective or Clicks(data.folder("valid"))
        self.device = device_of(ranks)
        self.inputs = Inputs.from_json(data.read("inputs.json").decode())
        self.layout = Layout.of(self.inputs)
        torch.manual_seed(settings.seed)
        network = build(settings.architecture, self.inputs).to(self.device)
        self.table = Table(self.layout, network, settings.seed, self.device)
        self.flat = Flat(network, settings.weight_decay)
        self.network = network
        self.average = None
        if settings.averaged_epochs > 1:
            self.average = Average(network, self.table.weights, settings.averaged_epochs)
        groups = group_rows(data.folder("train"))
        self.plan = planned(groups, ranks.size, settings.batch(sum(groups)))
        self.scale = LossScale.of(settings.precision)
        self.state = State(scale=self.scale.value)
        self.lookup = Lookup(self.layout, self.device)

    def run(self) -> State:
        """Trains to the end, from the newest whole checkpoint on where there is one."""
        self._resume()
        step = Step(
            objective=self.objective,
            network=self.network,
            layout=self.layout,
            table=self.table,
            flat=self.flat,
            scale=self.scale,
            ranks=self.ranks,
            settings=self.settings,
            device=self.device,
        )
        told = None
        if self.ranks.rank == 0:
            told = progress.Progress(self.out, self.plan.steps * self.settings.epochs)
        while not self.state.is_over(self.settings.epochs, self.settings.patience):
            self._epoch(step, told)
            self._judge()
            self._keep()
        return self.state

    def _epoch(self, step: Step, told: progress.Progress | None) -> None:
        state, plan, began = self.state, self.plan, time.monotonic()
        seconds, waited = state.seconds, state.waited
        steps, setbacks = plan.steps * self.settings.epochs, state.setbacks
        self.network.train()
        batches = Ahead(self._batches())
        for rows, looked in batches:
            everybody = plan.all_sizes(state.position)
            rate = self.settings.rate(state.step, steps, setbacks)
            loss = step.take(rows, looked, everybody, state.step + 1, rate)
            state.step, state.position = state.step + 1, state.position + 1
            state.epoch_loss += loss * len(rows)
            state.rows, state.scale = state.rows + everybody, step.scale.value
            # Of each step, since a checkpoint shall tell the time of its rows.
            state.seconds = seconds + time.monotonic() - began
            state.waited = waited + batches.waited
            if told:
                told.tell(state.step, everybody, loss)
            if state.step % self.settings.checkpoint_steps == 0 and state.position < plan.steps:
                self._keep()

    def _batches(self) -> Iterator[tuple[Rows, Looked]]:
        """What is learnt from of the epoch's batches that are still to come, and its look-ups."""
        ranks, train = self.ranks, self.data.folder("train")
        own = shard(train, self.inputs, ranks.rank, ranks.size, ranks.sign)
        order = self.settings.seed * 1_000 + self.state.epoch + 1
        done = self.state.position
        for n, rows in enumerate(own.batches(self.plan.sizes(ranks.rank), order)):
            if n >= done:
                learnt_from = near(self.objective.rows(rows), self.device)
                yield learnt_from, self.lookup(learnt_from)

    def _judge(self) -> None:
        """Ends an epoch: its loss, how good it is, and the model where it is the best so far."""
        state = self.state
        if self.average:
            self.average.add(self.network, self.table.weights, state.epoch + 1)
        model = self.model()
        value = self.objective.judge(model, self.ranks)
        state.add_up_loss(self.ranks)
        if state.end_epoch(value, self.plan.rows * self.objective.share) and self.ranks.rank == 0:
            model.save(self.out, BEST)

    def told(self) -> dict[str, Any]:
        """How it went; see `State.told`."""
        return self.state.told(self.plan.rows)

    def model(self) -> Trained:
        """The model as of the newest epoch, not calibrated; its tensors are the training's own."""
        network, table = self.network, self.table.weights
        if self.average:
            network, table = self.average.network, self.average.table
        return Trained(self.settings.architecture, self.inputs, network, table)

    def _keep(self) -> None:
        self.state.add_up_loss(self.ranks)
        if self.ranks.rank == 0:
            folder = self.out.folder(CHECKPOINTS)
            checkpoint.keep(folder, self.state.step, self._tensors(), self._told())

    def _told(self) -> dict[str, Any]:
        """The plain values of a checkpoint."""
        return {
            **vars(self.state),
            "settings": self.settings.told(),
            "ranks": self.ranks.size,
            "good": self.scale.good,
        }

    def _tensors(self) -> dict[str, Tensor]:
        parts = {"layers": self.flat.state(), "table": self.table.state()}
        if self.average:
            parts["average"] = self.average.state()
        buffers = dict(self.network.named_buffers())
        return {
            **{f"{part}.{name}": t for part, own in parts.items() for name, t in own.items()},
            **{f"buffers.{name}": tensor for name, tensor in buffers.items()},
        }

    def _resume(self) -> None:
        """Goes on from the newest whole checkpoint of the same settings."""
        found = resumable(self.out, self._told())
        if found is None:
            return
        tensors, told = found
        self.flat.load(_part(tensors, "layers"))
        self.table.load(_part(tensors, "table"))
        if self.average:
            self.average.load(_part(tensors, "average"))
        for name, buffer in self.network.named_buffers():
            buffer.copy_(tensors[f"buffers.{name}"])
        self.state = State.of(told)
        self.scale.value, self.scale.good = self.state.scale, told.get("good", 0)


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}."
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
