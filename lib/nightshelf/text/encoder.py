"""Texts -> vectors by a pretrained transformers model: the mean of its tokens' last states.

Mean pooling and unit length are how sentence encoders such as all-MiniLM are trained (Reimers and
Gurevych 2019, "Sentence-BERT").
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nightshelf.errors import ConfigError, first_line
from nightshelf.text.batches import Batch, Tokenizer, batches

Singles = NDArray[np.float32]
States = Callable[[Batch], torch.Tensor]
"""A batch -> the last states of its tokens (B, L, D)."""


@dataclass(frozen=True)
class Encoded:
    """Of N texts: vectors (N, D) of length 1, and cut (N,): whether more was told than was read."""

    vectors: Singles
    cut: NDArray[np.bool_]


class Encoder:
    """Texts -> vectors of D numbers and of length 1; those without any token are read as ''."""

    def __init__(self, tokenizer: Tokenizer, states: States, width: int, at_once: int) -> None:
        self.tokenizer, self.states = tokenizer, states
        self.width, self.at_once = width, at_once

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """The vectors of the texts, in their order."""
        tokens = self.tokenizer(texts)
        vectors = np.empty((len(texts), self.width), np.float32)
        for batch in batches(tokens, self.tokenizer.padding, self.at_once):
            mask = torch.from_numpy(batch.mask)
            vectors[batch.rows] = pooled(self.states(batch), mask).numpy()
        return Encoded(vectors, tokens.cut)


def pooled(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, D) of length 1: the mean of the states (B, L, D) that the mask (B, L) has."""
    there = mask.unsqueeze(-1)
    mean = (states.float() * there).sum(1) / there.sum(1)
    return torch.nn.functional.normalize(mean, dim=1)


def pretrained(folder: Path) -> Any:
    """The model of a folder, in single precision. Raises ConfigError where it cannot be read."""
    from transformers import AutoModel

    return read_weights(AutoModel, folder, f"text.model: {folder}")


def read_weights(kind: Any, folder: Path, called: str, **settings: Any) -> Any:
    """The weights of a folder as a `kind` of transformers' models, in single precision.

    Raises ConfigError, which begins with what they are `called`, where they cannot be read.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return kind.from_pretrained(
            str(folder),
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            **settings,
        ).eval()
    except Exception as error:  # transformers raises whatever its readers do
        raise ConfigError(
            f"{called}: the weights cannot be read: {first_line(error)}; fetch or save them again"
        ) from None


def in_torch(model: Any) -> States:
    """The states by the model itself."""

    def states(batch: Batch) -> torch.Tensor:
        # A batch without padding needs no mask, and attends faster without one.
        mask = None if batch.mask.all() else torch.from_numpy(batch.mask)
        with torch.inference_mode():
            told: torch.Tensor = model(
                input_ids=torch.from_numpy(batch.ids), attention_mask=mask
            ).last_hidden_state
        return told

    return states
