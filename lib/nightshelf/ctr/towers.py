"""Two towers: learnt from the positives of each batch, judged by what they find."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nightshelf.ctr.architecture import Network
from nightshelf.ctr.batch import Batch
from nightshelf.ctr.models.two_tower import TwoTower
from nightshelf.ctr.recall import Popularity, judged
from nightshelf.ctr.settings import Settings
from nightshelf.ctr.trained import Trained
from nightshelf.ctr.training import Training
from nightshelf.fields import Inputs, Rows
from nightshelf.learning.distributed import Ranks
from nightshelf.learning.state import BEST
from nightshelf.learning.storage import Folder


@dataclass(frozen=True)
class InBatch:
    """Softmax over the items of a batch's positives with logQ correction (Yi et al. 2019).

    Each positive's own item against those of the rank's other positives, less the log of how often
    an item is drawn: its share of the positives of the training set, counted before the training
    rather than estimated as it goes. Judged by the recall on the valid days.
    """

    popularity: Popularity
    valid: Folder
    recall_at: int

    @property
    def share(self) -> float:
        """The share of positives among the training set's rows."""
        return float(self.popularity.counts.sum()) / self.popularity.rows

    def rows(self, rows: Rows) -> Rows:
        """The positives."""
        return rows.take(rows.labels[:, 0] > 0)

    def loss(self, network: Network, batch: Batch, rows: Rows) -> Tensor:
        """The sum over the positives of -log softmax of their own item."""
        assert isinstance(network, TwoTower)
        items = rows.ids[:, self.popularity.place]
        log_q = self.popularity.log_q[items]
        device = batch.fields.device
        logits = network.in_batch(
            batch, torch.from_numpy(items).to(device), torch.from_numpy(log_q).to(device)
        )
        own = torch.arange(len(rows), device=device)
        return nn.functional.cross_entropy(logits.float(), own, reduction="sum")

    def judge(self, model: Trained, ranks: Ranks) -> float:
        """The recall on the valid days."""
        return judged(model, self.valid, self.popularity, self.recall_at, ranks)["recall"]


def fit_towers(data: Folder, out: Folder, settings: Settings, ranks: Ranks) -> dict[str, Any]:
    """Trains and judges; `model.safetensors` and `model.json` lie in `out` then.

    Tells what `fitting.fit` tells, without tasks and calibration: `metrics` are, for valid and
    test, those of `judged`.
    """
    inputs = Inputs.from_json(data.read("inputs.json").decode())
    popularity = Popularity.of(data.folder("train"), inputs, ranks)
    objective = InBatch(popularity, data.folder("valid"), settings.recall_at)
    training = Training(data, out, settings, ranks, objective)
    state = training.run()
    model = Trained.load(out, BEST, training.device)
    metrics = {
        f"{split}.{name}": value
        for split in ("valid", "test")
        for name, value in judged(
            model, data.folder(split), popularity, settings.recall_at, ranks
        ).items()
    }
    told = {**training.told(), "valid_recalls": state.values, "metrics": metrics}
    if ranks.rank == 0:
        model.save(out, told={"told": told})
    return told
