"""Fine-tuning of a text model by one of its ranks; all ranks run the same."""

import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from nightshelf.errors import DataQualityError
from nightshelf.learning import checkpoint, progress
from nightshelf.learning.ahead import Ahead
from nightshelf.learning.distributed import Ranks, device_of
from nightshelf.learning.flat import Flat
from nightshelf.learning.plan import group_rows, planned
from nightshelf.learning.precision import LossScale, arithmetic, chosen, repeatable
from nightshelf.learning.rates import rate
from nightshelf.learning.reader import own_share
from nightshelf.learning.state import BEST, CHECKPOINTS, State, resumable
from nightshelf.learning.storage import Folder
from nightshelf.text import networks
from nightshelf.text.judging import judged
from nightshelf.text.pairs import Pairs, batches, decoded, shard
from nightshelf.text.weights import at_hand

ROWS: Final = 4_096
LONGEST_GRADIENT: Final = 1.0
"""Gradients of a step are made no longer than that: a rare pair may have very large ones."""


@dataclass(frozen=True)
class Settings:
    """As in the configuration's `text_training`; `batch_size` is that of all ranks together."""

    kind: Literal["cross", "bi"] = "cross"
    batch_size: int = 32
    accumulate: int = 1
    epochs: int = 2
    patience: int = 0
    learning_rate: float = 5e-5
    warm_up: float = 0.1
    weight_decay: float = 0.01
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp32"
    compression: Literal["none", "fp16"] = "none"
    temperature: float = 0.05
    embeddings: bool = False
    layers: int | None = None
    checkpoint_steps: int = 500
    seed: int = 7
    threads: int = 1


@dataclass(frozen=True)
class TextWork:
    """One training job: the weights, URIs of the training set and of the model's folder.

    weights: as `at_hand` takes them, since each rank finds them where it runs. teacher: those of a
    trained cross-encoder, whose probabilities are learnt in place of the labels (Hinton et al.
    2015); None: the labels.
    """

    weights: str
    data: str
    out: str
    settings: Settings
    teacher: str | None = None

    def __call__(self, ranks: Ranks) -> dict[str, Any]:
        """What each rank runs: `fit`."""
        return fit(self, ranks)


class FineTuning:
    """Learns from `<data>/train`, stops by nDCG on `<data>/valid`, keeps its state in `<out>`."""

    def __init__(self, work: TextWork, ranks: Ranks) -> None:
        self.settings, self.ranks = work.settings, ranks
        self.data, self.out = Folder(work.data), Folder(work.out)
        torch.manual_seed(self.settings.seed)  # the head of a classifier is new
        with at_hand(work.weights) as weights:
            self.network = self._network(weights)
        self.teacher = None
        if work.teacher:
            with at_hand(work.teacher) as weights:
                self.teacher = networks.Cross(weights)
        self.device = device_of(ranks)
        for network in (self.network, self.teacher):
            if network is not None:
                network.module.to(self.device)
        self.network.module.get_input_embeddings().requires_grad_(self.settings.embeddings)
        self.flat = Flat(self.network.module, self.settings.weight_decay, decoupled=True)
        groups = group_rows(self.data.folder("train"))
        self.plan = planned(groups, ranks.size, min(self.settings.batch_size, sum(groups)))
        self.precision = chosen(self.settings.precision, self.device, ranks)
        self.scale = LossScale.of(self.precision)
        self.state = State(scale=self.scale.value)

    def _network(self, weights: Path) -> networks.TextNetwork:
        if self.settings.kind == "cross":
            return networks.Cross(weights, self.settings.layers)
        train = own_share(self.data.folder("train"), decoded, self.ranks, at_once=ROWS)
        items = [rows.items for rows in train] or [np.empty(0, np.int64)]
        every = self.ranks.gathered(np.concatenate(items))
        return networks.Bi(weights, self.settings.temperature, every)

    def run(self) -> State:
        """Trains to the end, from the newest whole checkpoint on where there is one."""
        self._resume()
        told = None
        if self.ranks.rank == 0:
            told = progress.Progress(self.out, self.plan.steps * self.settings.epochs)
        while not self.state.is_over(self.settings.epochs, self.settings.patience):
            self._epoch(told)
            self._judge()
            self._keep()
        return self.state

    def _epoch(self, told: progress.Progress | None) -> None:
        state, began = self.state, time.monotonic()
        seconds, waited = state.seconds, state.waited
        steps = self.plan.steps * self.settings.epochs
        ranks = self.ranks
        own = shard(self.data.folder("train"), ranks.rank, ranks.size, ranks.sign)
        order = self.settings.seed * 1_000 + state.epoch + 1
        done = state.position
        self.network.module.train()
        ready = Ahead(batches(own, self.plan, order))
        for n, pairs in enumerate(ready):
            if n < done:
                continue
            everybody = self.plan.all_sizes(state.position)
            loss = self._step(self._taught(pairs), everybody, self._rate(steps))
            state.step, state.position = state.step + 1, state.position + 1
            state.epoch_loss += loss
            state.rows += everybody
            # Of each step, since a checkpoint shall tell the time of its rows.
            state.seconds = seconds + time.monotonic() - began
            state.waited = waited + ready.waited
            if told:
                told.tell(state.step, everybody, loss / max(1, len(pairs)))
            if state.step % self.settings.checkpoint_steps == 0 and (
                state.position < self.plan.steps
            ):
                self._keep()

    def _taught(self, pairs: Pairs) -> Pairs:
        """The pairs with what the teacher says for labels, where there is one."""
        if self.teacher is None:
            return pairs
        return replace(pairs, labels=self.teacher.probabilities(pairs))

    def _rate(self, steps: int) -> float:
        settings = self.settings
        return rate(
            self.state.step, steps, settings.learning_rate, warm_up=settings.warm_up, final=0.0
        )

    def _step(self, pairs: Pairs, everybody: int, learning_rate: float) -> float:
        """One step on this rank's pairs; the sum of their losses.

        Raises DataQualityError where the gradients are no numbers any more: on all ranks at once.
        """
        settings, step = self.settings, self.state.step + 1
        self.flat.clear()
        # A training that goes on after a break drops what it would have dropped.
        torch.manual_seed((settings.seed << 32) + step * self.ranks.size + self.ranks.rank)
        total, share = 0.0, -(-len(pairs) // settings.accumulate)
        for start in range(0, len(pairs), share):
            with arithmetic(self.precision, self.device):
                loss = self.network.loss(pairs.take(slice(start, start + share)))
            torch.autograd.backward(loss * (self.scale.value / everybody))
            total += float(loss.detach())
        self.ranks.sum_layers(self.flat.gradients)
        length = float(self.flat.gradients.norm())
        finite = math.isfinite(length)
        if not finite and self.scale.is_least:
            raise DataQualityError(
                f"the training diverged in step {step}: its gradients are no finite numbers (loss "
                f"{total:g}); lower text_training.learning_rate"
            )
        scale = self.scale.value
        if self.scale.accepts(finite):
            length /= scale
            self.flat.gradients.mul_(min(1.0, LONGEST_GRADIENT / max(length, 1e-12)) / scale)
            self.flat.step(learning_rate)
        self.state.scale = self.scale.value
        return total

    def _judge(self) -> None:
        """Ends an epoch: its loss, how good it is, and the weights where they are the best."""
        value = judged(*self.answers("valid"))["ndcg@10"]
        self.state.add_up_loss(self.ranks)
        if self.state.end_epoch(value, self.plan.rows) and self.ranks.rank == 0:
            checkpoint.write(self.out, BEST, {"values": self.flat.values}, {})

    def answers(self, split: str) -> tuple[NDArray[Any], ...]:
        """(scores, labels, weights, groups) of all rows of a split, by all ranks together."""
        self.network.module.eval()
        found: list[tuple[NDArray[Any], ...]] = [
            (*(np.empty(0, np.float32) for _ in range(3)), np.empty(0, np.int64))
        ]
        for rows in own_share(self.data.folder(split), decoded, self.ranks, at_once=ROWS):
            found.append((self.scores(rows), rows.labels, rows.weights, rows.groups))
        return tuple(
            self.ranks.gathered(np.concatenate(arrays)) for arrays in zip(*found, strict=True)
        )

    def scores(self, rows: Pairs, at_once: int = 128) -> NDArray[np.float32]:
        """(N,): what the network says of rows, in batches of about one length."""
        order = np.argsort(rows.lengths.sum(1), kind="stable")
        scores = np.empty(len(rows), np.float32)
        for start in range(0, len(order), at_once):
            some = order[start : start + at_once]
            with torch.inference_mode(), arithmetic(self.precision, self.device):
                scores[some] = self.network.scores(rows.take(some)).float().cpu().numpy()
        return scores

    def to_best(self) -> None:
        """Takes the weights of the best epoch."""
        tensors, _ = checkpoint.read(self.out, BEST)
        self.flat.values.copy_(tensors["values"])

    def _keep(self) -> None:
        self.state.add_up_loss(self.ranks)
        if self.ranks.rank == 0:
            tensors = {f"layers.{n}": tensor for n, tensor in self.flat.state().items()}
            checkpoint.keep(self.out.folder(CHECKPOINTS), self.state.step, tensors, self._told())

    def _told(self) -> dict[str, Any]:
        return {
            **vars(self.state),
            "settings": asdict(self.settings),
            "ranks": self.ranks.size,
            "good": self.scale.good,
        }

    def _resume(self) -> None:
        """Goes on from the newest whole checkpoint of the same settings."""
        found = resumable(self.out, self._told())
        if found is None:
            return
        tensors, told = found
        self.flat.load({n.removeprefix("layers."): tensor for n, tensor in tensors.items()})
        self.state = State.of(told)
        self.scale.value, self.scale.good = self.state.scale, told["good"]


def fit(work: TextWork, ranks: Ranks) -> dict[str, Any]:
    """Trains and judges; the weights of the best epoch lie in `work.out` then, ready to load.

    Tells of `rows_s`, the epochs' losses and valid nDCGs, metrics by split, and the precision.
    """
    torch.set_num_threads(work.settings.threads)
    repeatable()
    training = FineTuning(work, ranks)
    state = training.run()
    training.to_best()
    metrics = {
        f"{split}.{name}": value
        for split in ("valid", "test")
        for name, value in judged(*training.answers(split)).items()
    }
    if ranks.rank == 0:
        with at_hand(work.weights) as weights:
            networks.save(training.network.module, weights, training.out)
    told = state.told(training.plan.rows)
    of_all = {"valid_ndcgs": state.values, "metrics": metrics, "precision": training.precision}
    return {**told, **of_all}
