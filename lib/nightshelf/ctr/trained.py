"""A trained model: what it is made of, its file form, and the scores it gives."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nightshelf.ctr.architecture import Architecture, Network
from nightshelf.ctr.batch import Batch
from nightshelf.ctr.calibration import UNCALIBRATED, Calibration
from nightshelf.ctr.models import build
from nightshelf.ctr.table import Layout, batch_of, looked_up
from nightshelf.errors import DataQualityError
from nightshelf.fields import Inputs, Rows
from nightshelf.learning import checkpoint
from nightshelf.learning.precision import Precision, arithmetic
from nightshelf.learning.storage import Folder

MODEL: Final = "model"
EVENTS_AT_ONCE: Final = 1 << 20
"""Of the histories of the rows that a network is given at once."""

Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass
class Trained:
    """A network, its table (V, W) and, a task each, how its scores become probabilities."""

    architecture: Architecture
    inputs: Inputs
    network: Network
    table: Tensor
    calibrations: tuple[Calibration, ...] = ()
    precision: Precision = "fp32"
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        self.layout = Layout.of(self.inputs)

    def logits(self, rows: Rows) -> Singles:
        """(B, T): the network's scores, before calibration."""
        training = self.network.training
        self.network.eval()
        with torch.inference_mode(), arithmetic(self.precision, self.table.device):
            parts = [self._logits(rows.take(some)) for some in self.slices(len(rows))]
        self.network.train(training)
        if not parts:
            return np.empty((0, len(self.inputs.tasks)), np.float32)
        return torch.cat(parts).float().cpu().numpy()

    def probabilities(self, rows: Rows) -> Doubles:
        """(B, T): calibrated where the model has calibrations, else the sigmoid of the logits.

        In double precision: what tells apart rows on a level part of the curve is small.
        """
        logits = self.logits(rows)
        curves = self.calibrations or (UNCALIBRATED,) * logits.shape[1]
        return np.stack([c.apply(logits[:, task]) for task, c in enumerate(curves)], axis=1)

    def lookup(self, rows: Rows) -> Batch:
        """The rows as the network sees them."""
        device = self.table.device
        places = (torch.from_numpy(found).to(device) for found in self.layout.table_rows(rows))
        fields, items = (looked_up(self.table, found) for found in places)
        return batch_of(rows, fields, items, self.layout, device)

    def slices(self, rows: int) -> Iterator[slice]:
        """Parts of so many rows that the model's device works on at once."""
        history = self.inputs.history
        at_once = rows_at_once(self.table.device, history.length if history else 0)
        for start in range(0, rows, at_once):
            yield slice(start, start + at_once)

    def _logits(self, rows: Rows) -> Tensor:
        logits: Tensor = self.network(self.lookup(rows))
        return logits

    def save(
        self, folder: Folder, name: str = MODEL, told: Mapping[str, Any] | None = None
    ) -> None:
        """Writes `<name>.safetensors` and `<name>.json` into the folder."""
        tensors = {f"network.{n}": t for n, t in self.network.state_dict().items()}
        values = {
            "architecture": asdict(self.architecture),
            "inputs": self.inputs.to_json(),
            "calibrations": [c.to_plain() for c in self.calibrations],
            **(told or {}),
        }
        checkpoint.write(folder, name, {**tensors, "table": self.table}, values)

    @staticmethod
    def load(folder: Folder, name: str = MODEL, device: torch.device | None = None) -> "Trained":
        """The model of a folder.

        Raises DataQualityError where it is torn or missing, or its layers are not those of today.
        """
        tensors, told = checkpoint.read(folder, name)
        inputs = Inputs.from_json(told["inputs"])
        architecture = Architecture.from_plain(told["architecture"])
        network = build(architecture, inputs)
        own = {n.removeprefix("network."): t for n, t in tensors.items() if n != "table"}
        try:
            network.load_state_dict(own)
        except RuntimeError:
            raise DataQualityError(
                f"{folder.uri}: the layers of {architecture.name} are not those of this version; "
                "train again"
            ) from None
        place = device or torch.device("cpu")
        return Trained(
            architecture,
            inputs,
            network.to(place).eval(),
            tensors["table"].to(place),
            tuple(Calibration.from_plain(c) for c in told["calibrations"]),
        )


def rows_at_once(device: torch.device, length: int) -> int:
    """How many rows with histories of a length a device works on at once."""
    # What a processor's cache holds multiplies faster; a GPU wants to be given much, but attention
    # takes memory for each event: about a kilobyte, hence a gigabyte in all.
    most = 2_048 if device.type == "cpu" else 65_536
    return max(1, min(most, EVENTS_AT_ONCE // max(1, length)))
