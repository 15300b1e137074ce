"""The networks that are fine-tuned, and what they learn from a batch of pairs."""

import tempfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nightshelf.errors import ConfigError
from nightshelf.learning.storage import Folder
from nightshelf.text.batches import Batch
from nightshelf.text.encoder import pooled, pretrained, read_weights
from nightshelf.text.pairs import Pairs


class TextNetwork(Protocol):
    """What is trained: a module that tells a loss and scores of pairs."""

    module: Any

    def loss(self, pairs: Pairs) -> Tensor:
        """The sum over the rows of the weighted loss."""

    def scores(self, pairs: Pairs) -> Tensor:
        """(N,): how well each pair matches, larger is better."""


class Cross:
    """Judges a query and an item together, as one text (Nogueira and Cho 2019).

    AutoModelForSequenceClassification with one logit; cross-entropy with labels from 0 to 1.
    layers: of the weights' layers only so many, evenly spread, as DistilBERT begins (Sanh et al.
    2019); None: all.
    """

    def __init__(self, folder: Path, layers: int | None = None) -> None:
        self.module: Any = classifier(folder)
        if layers is not None:
            thin(self.module, layers)

    def logits(self, pairs: Pairs) -> Tensor:
        """(N,)."""
        told: Tensor = self.module(**inputs(pairs.batch(0), self.module)).logits[:, 0]
        return told.float()

    def probabilities(self, pairs: Pairs) -> NDArray[np.float32]:
        """(N,): what a student shall learn to say."""
        with torch.inference_mode():
            return np.asarray(torch.sigmoid(self.logits(pairs)).cpu().numpy())

    def loss(self, pairs: Pairs) -> Tensor:
        """The sum over the rows of the weighted cross-entropy."""
        logits = self.logits(pairs)
        labels, weights = (
            torch.from_numpy(a).to(logits.device) for a in (pairs.labels, pairs.weights)
        )
        each = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        return (each * weights).sum()

    def scores(self, pairs: Pairs) -> Tensor:
        """The logits."""
        return self.logits(pairs)


class Bi:
    """Encodes queries and items each by itself; learns from the positives of a batch.

    Softmax over the items of the batch with logQ correction (Yi et al. 2019), weighted by label
    and weight; an item's share of the training rows is how often it is drawn. Other items of the
    same query, and the same item again, are no negatives.
    """

    def __init__(self, folder: Path, temperature: float, items: NDArray[np.int64]) -> None:
        """items: those of all training rows."""
        self.module: Any = pretrained(folder)
        self.temperature = temperature
        self._items, counts = np.unique(items, return_counts=True)
        self._log_q = np.log(counts / max(1, len(items))).astype(np.float32)

    def vectors(self, pairs: Pairs, text: int) -> Tensor:
        """(N, D) of length 1."""
        told = inputs(pairs.batch(text), self.module)
        return pooled(self.module(**told).last_hidden_state, told["attention_mask"])

    def loss(self, pairs: Pairs) -> Tensor:
        """The sum over the rows of the weighted cross-entropy of their own item."""
        logits = self.vectors(pairs, 0) @ self.vectors(pairs, 1).T / self.temperature
        device = logits.device
        places = np.searchsorted(self._items, pairs.items).clip(0, len(self._items) - 1)
        logits = logits - torch.from_numpy(self._log_q[places]).to(device)
        groups, items = (torch.from_numpy(a).to(device) for a in (pairs.groups, pairs.items))
        same = (groups[:, None] == groups[None, :]) | (items[:, None] == items[None, :])
        own = torch.eye(len(pairs), dtype=torch.bool, device=device)
        logits = logits.masked_fill(same & ~own, float("-inf"))
        each = nn.functional.cross_entropy(
            logits, torch.arange(len(pairs), device=device), reduction="none"
        )
        return (each * torch.from_numpy(pairs.labels * pairs.weights).to(device)).sum()

    def scores(self, pairs: Pairs) -> Tensor:
        """The cosines."""
        return (self.vectors(pairs, 0) * self.vectors(pairs, 1)).sum(1)


def inputs(batch: Batch, module: nn.Module) -> dict[str, Tensor]:
    """What a transformers model is called with."""
    device = next(module.parameters()).device
    told = {"input_ids": batch.ids, "attention_mask": batch.mask}
    if batch.types is not None and getattr(module.config, "type_vocab_size", 0) > 1:
        told["token_type_ids"] = batch.types
    return {name: torch.from_numpy(array).to(device) for name, array in told.items()}


def classifier(folder: Path) -> Any:
    """The weights of a folder with a head of one logit. Raises ConfigError as `pretrained` does."""
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    # It would tell that the head is new, which is what is wanted.
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    return read_weights(AutoModelForSequenceClassification, folder, str(folder), num_labels=1)


def thin(module: Any, layers: int) -> None:
    """Leaves `layers` of the module's layers, evenly spread, the last among them.

    Raises ConfigError where it has fewer, or keeps them in no list.
    """
    there = int(module.config.num_hidden_layers)
    lists = [m for m in module.modules() if isinstance(m, nn.ModuleList) and len(m) == there]
    if not 1 <= layers <= there or len(lists) != 1:
        raise ConfigError(
            f"text_training.student_layers: expected 1 to {there}, the layers of the text model, "
            f"found {layers}"
        )
    kept = [(n + 1) * there // layers - 1 for n in range(layers)]
    own = [lists[0][n] for n in kept]
    del lists[0][layers:]
    for place, layer in enumerate(own):
        lists[0][place] = layer
    module.config.num_hidden_layers = layers


def save(module: Any, tokenizer: Path, folder: Folder) -> None:
    """Writes weights, configuration and tokenizer, as transformers reads them."""
    with tempfile.TemporaryDirectory() as place:
        module.save_pretrained(place)
        for path in (*Path(place).iterdir(), *tokenizer.glob("*token*"), *tokenizer.glob("vocab*")):
            folder.write(path.name, path.read_bytes())
