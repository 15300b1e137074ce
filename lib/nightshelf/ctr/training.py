"""The training of a model by one of its ranks; all ranks run the same."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from nightshelf.ctr.decoding import shard
from nightshelf.ctr.models import build
from nightshelf.ctr.objective import Clicks, Objective
from nightshelf.ctr.settings import Settings
from nightshelf.ctr.steps import Step
from nightshelf.ctr.table import Layout, Looked, Lookup, Table
from nightshelf.ctr.trained import Trained
from nightshelf.fields import Inputs, Rows
from nightshelf.learning import checkpoint, progress
from nightshelf.learning.ahead import ahead
from nightshelf.learning.distributed import Ranks
from nightshelf.learning.flat import Flat
from nightshelf.learning.plan import group_rows, planned
from nightshelf.learning.precision import LossScale
from nightshelf.learning.storage import Folder

CHECKPOINTS: Final = "checkpoints"
BEST: Final = "best"


@dataclass
class State:
    """Where a training stands, beside its tensors.

    position: the steps of the epoch so far. values: what the objective judged each epoch by.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    best_value: float = 0.0
    best_epoch: int = -1
    losses: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    epoch_loss: float = 0.0
    scale: float = 1.0
    rows: int = 0
    seconds: float = 0.0
    epoch_seconds: list[float] = field(default_factory=list)


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
        groups = group_rows(data.folder("train"))
        self.plan = planned(groups, ranks.size, settings.batch(sum(groups)))
        self.state = State(scale=LossScale.of(settings.precision).value)
        self.lookup = Lookup(self.layout)
        self.shared_loss = 0.0

    def run(self) -> State:
        """Trains to the end, from the newest whole checkpoint on where there is one."""
        self._resume()
        scale = LossScale(self.state.scale)
        step = Step(
            objective=self.objective,
            network=self.network,
            layout=self.layout,
            table=self.table,
            flat=self.flat,
            scale=scale,
            ranks=self.ranks,
            settings=self.settings,
            device=self.device,
        )
        told = None
        if self.ranks.rank == 0:
            told = progress.Progress(self.out, self.plan.steps * self.settings.epochs)
        while not self._over():
            self._epoch(step, told)
            self._judge()
            self._keep()
        return self.state

    def _over(self) -> bool:
        state = self.state
        waited = len(state.values) - 1 - state.best_epoch if state.values else 0
        return state.epoch >= self.settings.epochs or waited > self.settings.patience

    def _epoch(self, step: Step, told: progress.Progress | None) -> None:
        state, plan, began = self.state, self.plan, time.monotonic()
        steps = plan.steps * self.settings.epochs
        self.network.train()
        for rows, looked in ahead(self._batches()):
            everybody = plan.all_sizes(state.position)
            rate = self.settings.rate(state.step, steps)
            loss = step.take(rows, looked, everybody, state.step + 1, rate)
            state.step, state.position = state.step + 1, state.position + 1
            state.epoch_loss += loss * len(rows)
            state.rows, state.scale = state.rows + everybody, step.scale.value
            if told:
                told.tell(state.step, everybody, loss)
            if state.step % self.settings.checkpoint_steps == 0 and state.position < plan.steps:
                self._keep()
        state.seconds += time.monotonic() - began

    def _batches(self) -> Iterator[tuple[Rows, Looked]]:
        """What is learnt from of the epoch's batches that are still to come, and its look-ups."""
        own = shard(self.data.folder("train"), self.inputs, self.ranks.rank, self.ranks.size)
        order = self.settings.seed * 1_000 + self.state.epoch + 1
        done = self.state.position
        for n, rows in enumerate(own.batches(self.plan.sizes(self.ranks.rank), order)):
            if n >= done:
                learnt_from = self.objective.rows(rows)
                yield learnt_from, self.lookup(learnt_from)

    def _judge(self) -> None:
        """Ends an epoch: its loss, how good it is, and the model where it is the best so far."""
        state = self.state
        model = self.model()
        value = self.objective.judge(model, self.ranks)
        state.values.append(value)
        state.epoch_seconds.append(state.seconds - sum(state.epoch_seconds))
        self._add_up_losses()
        state.losses.append(state.epoch_loss / (self.plan.rows * self.objective.share))
        if state.best_epoch < 0 or value > state.best_value:
            state.best_value, state.best_epoch = value, state.epoch
            if self.ranks.rank == 0:
                model.save(self.out, BEST)
        state.epoch, state.position, state.epoch_loss = state.epoch + 1, 0, 0.0
        self.shared_loss = 0.0

    def told(self) -> dict[str, Any]:
        """How it went: rows a second of all ranks, and what each epoch lost and took."""
        state = self.state
        return {
            "rows_s": round(state.rows / state.seconds) if state.seconds else 0,
            "steps": state.step,
            "rows": self.plan.rows,
            "losses": state.losses,
            "epoch_seconds": state.epoch_seconds,
            "best_epoch": state.best_epoch + 1,
        }

    def model(self) -> Trained:
        """The model as it is now, not calibrated; its tensors are the training's own."""
        return Trained(self.settings.architecture, self.inputs, self.network, self.table.weights)

    def _add_up_losses(self) -> None:
        """Makes `epoch_loss` that of all ranks, so that a checkpoint tells it whole."""
        sums = self.ranks.gathered(np.array([self.state.epoch_loss - self.shared_loss]))
        self.state.epoch_loss = self.shared_loss = self.shared_loss + float(sums.sum())

    def _keep(self) -> None:
        self._add_up_losses()
        if self.ranks.rank == 0:
            folder = self.out.folder(CHECKPOINTS)
            checkpoint.keep(folder, self.state.step, self._tensors(), self._told())

    def _told(self) -> dict[str, Any]:
        """The plain values of a checkpoint."""
        return {**vars(self.state), "settings": self.settings.told(), "ranks": self.ranks.size}

    def _tensors(self) -> dict[str, Tensor]:
        parts = {"layers": self.flat.state(), "table": self.table.state()}
        buffers = dict(self.network.named_buffers())
        return {
            **{f"{part}.{name}": t for part, own in parts.items() for name, t in own.items()},
            **{f"buffers.{name}": tensor for name, tensor in buffers.items()},
        }

    def _resume(self) -> None:
        """Goes on from the newest whole checkpoint of the same settings."""
        found = checkpoint.newest(self.out.folder(CHECKPOINTS))
        if found is None:
            return
        tensors, told = found
        same = json.loads(json.dumps(self._told()))
        if any(told[name] != same[name] for name in ("settings", "ranks")):
            return  # another training's: begin anew
        self.flat.load(_part(tensors, "layers"))
        self.table.load(_part(tensors, "table"))
        for name, buffer in self.network.named_buffers():
            buffer.copy_(tensors[f"buffers.{name}"])
        self.state = State(**{name: told[name] for name in vars(self.state)})
        self.shared_loss = self.state.epoch_loss


def device_of(ranks: Ranks) -> torch.device:
    """A GPU for each rank of a machine that has them, else its CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", ranks.local_rank % torch.cuda.device_count())


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}."
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
