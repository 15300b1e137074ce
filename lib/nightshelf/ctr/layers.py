"""The layers that networks are put together from; each takes and gives tensors.

Letters: B rows, G vectors of a row, D numbers of a vector, L history length, K, H, X, Y widths,
T tasks.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from nightshelf.ctr.architecture import Norm


def linear(width: int, out: int, *, bias: bool = True) -> nn.Linear:
    """A linear layer with Glorot's uniform weights (Glorot & Bengio 2010) and no bias at first."""
    layer = nn.Linear(width, out, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


class MLP(nn.Module):
    """Hidden layers: linear, norm, ReLU, dropout. (..., K) -> (..., `out`), the last width.

    A batch norm takes (B, K) only. With no hidden widths the values pass unchanged.
    """

    def __init__(
        self, width: int, hidden: tuple[int, ...], *, dropout: float = 0.0, norm: Norm = "none"
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inner, outer in pairwise((width, *hidden)):
            layers.append(linear(inner, outer))
            if norm != "none":
                layers.append(nn.BatchNorm1d(outer) if norm == "batch" else nn.LayerNorm(outer))
            layers.append(nn.ReLU())
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers)
        self.out = hidden[-1] if hidden else width

    def forward(self, x: Tensor) -> Tensor:
        """(..., K) -> (..., H)."""
        told: Tensor = self.layers(x)
        return told


class CrossNetwork(nn.Module):
    """DCN-v2's full-rank cross layers (Wang et al. 2021): x' = x0 * (W x + b) + x."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(linear(width, width) for _ in range(layers))

    def forward(self, x0: Tensor) -> Tensor:
        """(B, K) -> (B, K)."""
        x = x0
        for layer in self.layers:
            x = torch.addcmul(x, x0, layer(x))
        return x


def pairwise_products(vectors: Tensor) -> Tensor:
    """The sum of v_i * v_j over all pairs i < j, in linear time (Rendle 2010). (B, G, D) -> (B, D).

    A factorisation machine's second-order term is the sum of these D numbers. Computed in
    float32: it is a difference of large sums.
    """
    vectors = vectors.float()
    return 0.5 * (vectors.sum(1).square() - vectors.square().sum(1))


class HistoryMean(nn.Module):
    """The mean of a history's vectors, each weighed by a learnt weight of its type and age.

    Weights are exp(type's + age's) and add up to 1 over the events; all are equal at first. A row
    without events gives 0.
    """

    def __init__(self, types: int, ages: int) -> None:
        super().__init__()
        self.types = nn.Parameter(torch.zeros(types))
        self.ages = nn.Parameter(torch.zeros(ages))

    def forward(self, history: Tensor, mask: Tensor, types: Tensor, ages: Tensor) -> Tensor:
        """(B, L, D), (B, L) bool, (B, L) ids, (B, L) ids -> (B, D)."""
        told = (self.types[types] + self.ages[ages]).masked_fill(~mask, -1e9)
        weights = torch.softmax(told, dim=1).unsqueeze(-1)
        return (weights * without_padding(history, mask)).sum(1)


class AttentionUnit(nn.Module):
    """DIN's local activation unit (Zhou et al. 2018): how much an event says of a target.

    A small network reads the target, the key, their product and difference, and a learnt vector of
    the event's type and age. As in the paper, weights are not normalised by a softmax, so that the
    sum keeps how strong an interest is; padded places have none.
    """

    def __init__(self, width: int, hidden: tuple[int, ...], *, types: int, ages: int) -> None:
        super().__init__()
        self.types = nn.Embedding(types, width)
        self.ages = nn.Embedding(ages, width)
        self.mlp = MLP(5 * width, hidden)
        self.weight = linear(self.mlp.out, 1)

    def forward(
        self, target: Tensor, history: Tensor, mask: Tensor, types: Tensor, ages: Tensor
    ) -> Tensor:
        """(B, D), (B, L, D), (B, L) bool, (B, L) ids, (B, L) ids -> (B, D)."""
        keys = without_padding(history, mask)
        targets = target.unsqueeze(1).expand_as(keys)
        context = self.types(types) + self.ages(ages)
        pairs = torch.cat([targets, keys, targets * keys, targets - keys, context], dim=-1)
        weights = self.weight(self.mlp(pairs)).float().masked_fill(~mask.unsqueeze(-1), 0.0)
        told: Tensor = (weights * keys).sum(1)
        return told


class FeatureGate(nn.Module):
    """FinalMLP's feature selection (Mao et al. 2023): each input times 2 * sigmoid of a context.

    The context passes one hidden layer. Without a width of its own it is a learnt constant.
    """

    def __init__(self, width: int, *, context: int | None, hidden: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.ones(1, hidden)) if context is None else None
        self.mlp = MLP(context or hidden, (hidden,))
        self.gate = linear(hidden, width)

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        """(B, K), (B, context) or none -> (B, K)."""
        told = self.constant if self.constant is not None else context
        assert told is not None
        return 2 * torch.sigmoid(self.gate(self.mlp(told))) * x


class BilinearFusion(nn.Module):
    """FinalMLP's fusion of two streams (Mao et al. 2023): b + w x + u y + sum of x_h' W_h y_h.

    The streams are cut into `heads` parts, each with a matrix of its own for each task.
    """

    def __init__(self, left: int, right: int, *, heads: int, tasks: int) -> None:
        super().__init__()
        self.heads, self.tasks = heads, tasks
        self.left, self.right = linear(left, tasks), linear(right, tasks, bias=False)
        shape = (heads, left // heads, tasks * (right // heads))
        self.matrices = nn.Parameter(torch.empty(shape))
        for matrix in self.matrices:
            nn.init.xavier_uniform_(matrix)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(B, X), (B, Y) -> (B, T)."""
        rows = len(x)
        parts = x.reshape(rows, self.heads, -1).transpose(0, 1)  # (heads, B, X / heads)
        turned = torch.bmm(parts, self.matrices).transpose(0, 1)  # (B, heads, T * Y / heads)
        turned = turned.reshape(rows, self.heads, self.tasks, -1)
        others = y.reshape(rows, self.heads, 1, -1)
        products: Tensor = (turned.float() * others.float()).sum((1, 3))
        told: Tensor = self.left(x) + self.right(y) + products
        return told


def in_batch_logits(
    users: Tensor, vectors: Tensor, items: Tensor, log_q: Tensor, *, temperature: float
) -> Tensor:
    """Logits of each user (row) for all items of the batch (column); its own is on the diagonal.

    An item is in a batch as often as it is popular, which `log_q`, the log of the probability
    that a row draws it, corrects: s / temperature - log q (Yi et al. 2019). A further row with
    the user's own item is no negative: its logit is -inf.

    Args:
        users: (B, K).
        vectors: (B, K), the items' vectors.
        items: (B,) int64, the items' ids.
        log_q: (B,) float.
        temperature: what the inner products are divided by.
    """
    logits = users @ vectors.T / temperature - log_q
    same = items.unsqueeze(0) == items.unsqueeze(1)
    again = same & ~torch.eye(len(items), dtype=torch.bool, device=items.device)
    return logits.masked_fill(again, -torch.inf)


def without_padding(history: Tensor, mask: Tensor) -> Tensor:
    """The history with 0 at padded places, whatever they hold. (B, L, D), (B, L) -> (B, L, D)."""
    return history.masked_fill(~mask.unsqueeze(-1), 0.0)
