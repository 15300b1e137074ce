"""All parameters of a network as one vector, and their gradients as another."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Flat:
    """A network's parameters that are learnt, which become views of one vector, under Adam.

    One vector makes one allreduce, one step of the optimiser and one tensor of a checkpoint.
    decoupled: weights decay by themselves, not through the gradients (AdamW).
    """

    def __init__(self, network: nn.Module, weight_decay: float, *, decoupled: bool = False) -> None:
        parameters = [p for p in network.parameters() if p.requires_grad]
        self.values = torch.cat([p.detach().flatten() for p in parameters])
        self.gradients = torch.zeros_like(self.values)
        self.values.grad = self.gradients
        for parameter, value, gradient in zip(
            parameters, _views(self.values, parameters), _views(self.gradients, parameters),
            strict=True,
        ):  # fmt: skip
            parameter.data = value
            parameter.grad = gradient
        self._adam: torch.optim.Adam = (torch.optim.AdamW if decoupled else torch.optim.Adam)(
            [self.values],
            betas=(BETA1, BETA2),
            eps=EPSILON,
            weight_decay=weight_decay,
            fused=True,
        )

    def clear(self) -> None:
        """Sets the gradients to 0."""
        self.gradients.zero_()

    def step(self, rate: float) -> None:
        """One step of Adam (Kingma & Ba 2015), or AdamW (Loshchilov & Hutter 2019)."""
        self._adam.param_groups[0]["lr"] = rate
        self._adam.step()

    def state(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        told = self._adam.state.get(self.values) or {
            "exp_avg": torch.zeros_like(self.values),
            "exp_avg_sq": torch.zeros_like(self.values),
            "step": torch.zeros(()),
        }
        return {"values": self.values, **told}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from a checkpoint's tensors."""
        self.values.copy_(state["values"])
        device = self.values.device
        self._adam.state[self.values] = {
            name: state[name]
            .clone()
            .to(device if name != "step" or device.type == "cuda" else "cpu")
            for name in ("exp_avg", "exp_avg_sq", "step")
        }


def _views(vector: Tensor, parameters: list[nn.Parameter]) -> Iterator[Tensor]:
    parts = torch.split(vector, [p.numel() for p in parameters])
    for part, parameter in zip(parts, parameters, strict=True):
        yield part.view_as(parameter)
