"""The mean of the weights that a training's epochs end with."""

import copy
from collections.abc import Mapping

from torch import Tensor

from nightshelf.ctr.architecture import Network


class Average:
    """A network and a table (V, W) of weights averaged over about the newest `epochs`.

    The plain mean of the first ones, an exponential one from then on (stochastic weight averaging,
    Izmailov et al. 2018): better than any of its epochs where the learning rate stays high. Numbers
    of a batch norm are averaged like weights.
    """

    def __init__(self, network: Network, table: Tensor, epochs: int) -> None:
        self.network, self.table = copy.deepcopy(network).requires_grad_(False), table.clone()
        self._epochs = epochs

    def add(self, network: Network, table: Tensor, epoch: int) -> None:
        """Takes in the weights of an epoch, counted from 1."""
        share = max(1 / epoch, 1 / self._epochs)
        newest = _tensors(network, table)
        for name, mean in self.state().items():
            if mean.is_floating_point():
                mean.lerp_(newest[name], share)
            else:
                mean.copy_(newest[name])

    def state(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        return _tensors(self.network, self.table)

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from a checkpoint's tensors."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])


def _tensors(network: Network, table: Tensor) -> dict[str, Tensor]:
    return {"table": table, **{f"network.{n}": t for n, t in network.state_dict().items()}}
