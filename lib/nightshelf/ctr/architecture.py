"""What a network is made by, and what every network keeps to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from nightshelf.ctr.batch import Batch

Norm = Literal["none", "batch", "layer"]


@dataclass(frozen=True)
class Architecture:
    """A network's name and sizes, plain values that go into a checkpoint's JSON.

    `norm` stands before each hidden layer's ReLU. `attention` are the widths of DIN's unit;
    `heads`, how many parts FinalMLP's fusion has (they divide the last hidden width); `gates`, the
    fields that steer the selection of its two streams, where the inputs have them. `users` and
    `items` are the fields of two towers, `temperature` what their inner products are divided by.
    """

    name: str
    embedding: int = 16
    hidden: tuple[int, ...] = (256, 128)
    cross_layers: int = 2
    dropout: float = 0.0
    norm: Norm = "none"
    attention: tuple[int, ...] = (64, 32)
    heads: int = 2
    gates: tuple[str, ...] = ("user_id", "item_id")
    users: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    temperature: float = 0.1

    @staticmethod
    def from_plain(told: Mapping[str, Any]) -> "Architecture":
        """The architecture that `dataclasses.asdict` told, its tuples as JSON's lists or not."""
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in told.items()
        }
        return Architecture(**values)


class Network(nn.Module):
    """A batch -> logits (B, T), float32 under autocast too.

    `width` is W, what the embedding table must be wide; its last `first_order` columns are
    first-order weights, best 0 at first, the others small random numbers.
    """

    width: int
    first_order: int = 0

    def forward(self, batch: Batch) -> Tensor:
        """The logits (B, T)."""
        raise NotImplementedError
