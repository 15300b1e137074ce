"""A tower for users and one for items, learnt from pairs by a softmax over a batch's items.

Letters: B rows, K numbers of a tower's vector, and those of `nightshelf.ctr.batch`.
"""

from dataclasses import replace

from torch import Tensor, nn
from torch.nn import functional as nnf

from nightshelf.ctr.architecture import Architecture, Network
from nightshelf.ctr.batch import Batch
from nightshelf.ctr.field_layers import FieldVectors
from nightshelf.ctr.layers import MLP, in_batch_logits, linear
from nightshelf.errors import ConfigError
from nightshelf.fields import Inputs


class Tower(nn.Module):
    """A batch -> vectors (B, K) of length 1, from the named fields alone, and the history."""

    def __init__(
        self, config: Architecture, inputs: Inputs, names: tuple[str, ...], *, with_history: bool
    ) -> None:
        super().__init__()
        categorical, numeric = inputs.categorical_columns, inputs.numeric_columns
        self.categorical = [n for n, name in enumerate(categorical) if name in names]
        self.numeric = [n for n, name in enumerate(numeric) if name in names]
        owners = [vector.name for vector in inputs.vectors for _ in range(vector.width)]
        self.vectors = [n for n, name in enumerate(owners) if name in names]
        own = replace(
            inputs,
            categorical=tuple(inputs.categorical[n] for n in self.categorical),
            numeric=tuple(inputs.numeric[n] for n in self.numeric),
            vectors=tuple(vector for vector in inputs.vectors if vector.name in names),
            history=inputs.history if with_history else None,
        )
        self.fields = FieldVectors(own, config.embedding)
        self.mlp = MLP(self.fields.flat, config.hidden, dropout=config.dropout, norm=config.norm)
        self.head = linear(self.mlp.out, config.embedding)

    def forward(self, batch: Batch) -> Tensor:
        """The vectors (B, K), float32."""
        own = replace(
            batch,
            fields=batch.fields[:, self.categorical],
            numbers=batch.numbers[:, self.numeric],
            vectors=batch.vectors[:, self.vectors],
        )
        flat = self.fields.flatten(self.fields(own), own)
        return nnf.normalize(self.head(self.mlp(flat)).float(), dim=1)


class TwoTower(Network):
    """A user's and an item's vectors (K = W = D), whose inner product says how they fit.

    `users` and `items` name the fields of each side, categorical, numeric and vectors; a field of
    neither (of both together, or of the context) is not read. The history is the user's.
    Raises ConfigError where a name is no field of the inputs, or stands on both sides.
    """

    def __init__(
        self,
        config: Architecture,
        inputs: Inputs,
        *,
        users: tuple[str, ...],
        items: tuple[str, ...],
        temperature: float = 0.1,
    ) -> None:
        super().__init__()
        known = {*inputs.categorical_columns, *inputs.numeric_columns}
        known |= {vector.name for vector in inputs.vectors}
        wrong = sorted({*users, *items} - known) + sorted({*users} & {*items})
        if wrong:
            raise ConfigError(
                f"two_tower: expected fields of the inputs, each on one side, found "
                f"{', '.join(wrong)} in none or in both; change the two lists"
            )
        self.width, self.temperature = config.embedding, temperature
        self.user_tower = Tower(config, inputs, users, with_history=True)
        self.item_tower = Tower(config, inputs, items, with_history=False)

    def users(self, batch: Batch) -> Tensor:
        """The users' vectors (B, K), of length 1."""
        told: Tensor = self.user_tower(batch)
        return told

    def items(self, batch: Batch) -> Tensor:
        """The items' vectors (B, K), of length 1."""
        told: Tensor = self.item_tower(batch)
        return told

    def forward(self, batch: Batch) -> Tensor:
        """Each row's user with its own item: inner product over temperature (B, 1)."""
        return (self.users(batch) * self.items(batch)).sum(1, keepdim=True) / self.temperature

    def in_batch(self, batch: Batch, items: Tensor, log_q: Tensor) -> Tensor:
        """The logits (B, B) of `in_batch_logits` for a batch of positives."""
        users, vectors = self.users(batch), self.items(batch)
        return in_batch_logits(users, vectors, items, log_q, temperature=self.temperature)
