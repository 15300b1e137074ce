"""The text model of a warehouse: which weights it has, its id, its files, its loading."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from nightshelf.config import TextConfig
from nightshelf.errors import DataQualityError
from nightshelf.learning import checkpoint
from nightshelf.learning.storage import Folder
from nightshelf.text import int8, lsa, weights
from nightshelf.text.batches import Tokenizer
from nightshelf.text.encoder import Encoded, Encoder, in_torch, pretrained

Vectors = Callable[[Sequence[str]], Encoded]
FITTED: Final = "lsa"


@dataclass(frozen=True)
class TextModel:
    """What makes vectors of texts: an id, the same wherever it says the same; and its own folder.

    model: a folder or hub name of weights, or `lsa`. folder: below the warehouse's root, for what
    is made of the weights or learnt from the texts. texts: how many LSA learns from.
    """

    model_id: str
    model: str
    folder: Folder
    config: TextConfig
    texts: int = 0

    @staticmethod
    def of(config: TextConfig, root: str, texts: int = 0) -> "TextModel":
        """The configured model; LSA, of so many texts, where the default's package is missing.

        Raises ConfigError where its weights are not found, or are of no kind that encodes.
        """
        missing = config.model != weights.LSA and weights.is_missing(config.model)
        model = weights.LSA if missing else config.model
        told = ["max_tokens", "precision"] if model != weights.LSA else ["lsa_dimensions", "seed"]
        made_of = {name: getattr(config, name) for name in told}
        if model != weights.LSA:
            folder = weights.folder_of(model)
            weights.Shape.of(folder)  # what is wrong with it is told before a task would fail
            made_of["weights"] = weights.fingerprint(folder)
        digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:8]
        name = re.sub(r"[^a-z0-9]+", "-", Path(model).name.lower()).strip("-")
        model_id = f"text-{name}-{digest}" + (f"-{texts}" if model == weights.LSA else "")
        return TextModel(model_id, model, Folder(f"{root}/models/{model_id}"), config, texts)

    @property
    def key(self) -> str:
        """Tells models apart."""
        return f"{self.folder.uri}:{self.model}"

    @property
    def is_lsa(self) -> bool:
        """Whether it has no pretrained weights."""
        return self.model == weights.LSA

    def is_ready(self) -> bool:
        """Whether what has to be made before it is used is there, and whole."""
        if self.is_lsa:
            return _fitted(self.folder) is not None
        return self.config.precision != "int8" or int8.FILE in self.folder.names()

    def learnt(self, texts: Sequence[str]) -> lsa.Lsa:
        """LSA as it is learnt from the texts; nothing is kept."""
        return lsa.fit(texts, self.config.lsa_dimensions, self.config.seed)

    def prepare(self, texts: Sequence[str]) -> None:
        """Makes what it is used with: LSA learns from the texts, eight-bit weights are written."""
        if self.is_lsa:
            found = self.learnt(texts)
            tensors = {"idf": found.idf, "directions": found.directions}
            told = {"texts": len(texts)}
            own = {name: torch.from_numpy(array) for name, array in tensors.items()}
            checkpoint.write(self.folder, FITTED, own, told)
        elif self.config.precision == "int8":
            content = int8.quantised(pretrained(weights.folder_of(self.model)))
            self.folder.write(int8.FILE, content)

    def __call__(self) -> Vectors:
        """Loads it, on the threads that torch has here. Raises ConfigError, DataQualityError."""
        if self.is_lsa:
            found = _fitted(self.folder)
            if found is None:
                raise DataQualityError(f"{self.folder.uri}: no whole LSA; run build_item_text")
            return found
        where, config = weights.folder_of(self.model), self.config
        if config.precision == "int8":
            by = int8.states(self.folder.read(int8.FILE), torch.get_num_threads())
        else:
            kind = torch.bfloat16 if config.precision == "bf16" else torch.float32
            by = in_torch(pretrained(where).to(kind))
        tokenizer = Tokenizer(where, config.max_tokens)
        return Encoder(tokenizer, by, weights.Shape.of(where).width, config.tokens_at_once)


def _fitted(folder: Folder) -> lsa.Lsa | None:
    try:
        tensors, _ = checkpoint.read(folder, FITTED)
    except DataQualityError:
        return None
    return lsa.Lsa(tensors["idf"].numpy(), tensors["directions"].numpy())
