"""Checkpoints: tensors as safetensors, plain values as JSON, checksummed; nothing pickled.

The JSON is written last and holds the tensors' checksum: a checkpoint without it, or whose tensors
do not match, was torn by a crash, and the one before is used.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from safetensors.torch import load, save
from torch import Tensor

from nightshelf.errors import DataQualityError
from nightshelf.learning.storage import Folder, checksum

KEPT: Final = 2


def write(
    folder: Folder, name: str, tensors: Mapping[str, Tensor], told: Mapping[str, Any]
) -> None:
    """Writes `<name>.safetensors` and then `<name>.json`."""
    content = save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()})
    folder.write(f"{name}.safetensors", content)
    values = json.dumps({**told, "sha256": checksum(content)}, sort_keys=True)
    folder.write(f"{name}.json", values.encode())


def read(folder: Folder, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, values) of a checkpoint. Raises DataQualityError where it is torn or missing."""
    where = f"{folder.uri}/{name}"
    try:
        told = json.loads(folder.read(f"{name}.json"))
        content = folder.read(f"{name}.safetensors")
    except (FileNotFoundError, ValueError):
        raise DataQualityError(
            f"{where}: no whole checkpoint there: expected {name}.json and {name}.safetensors; "
            "train again, or name another model"
        ) from None
    if told.get("sha256") != checksum(content):
        raise DataQualityError(
            f"{where}.safetensors: torn: its checksum is not the one that {name}.json tells; train "
            "again, or use an earlier model"
        )
    return load(content), told


def newest(folder: Folder) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """(tensors, values) of the newest whole checkpoint; None without any."""
    names = {name.partition(".")[0] for name in folder.names() if name.startswith("step-")}
    for name in sorted(names, reverse=True):
        try:
            return read(folder, name)
        except DataQualityError:  # torn: the one before it is whole
            continue
    return None


def keep(folder: Folder, step: int, tensors: Mapping[str, Tensor], told: Mapping[str, Any]) -> None:
    """Writes the checkpoint of a step and removes all but the last two."""
    write(folder, f"step-{step:09}", tensors, {**told, "step": step})
    names = sorted({n.partition(".")[0] for n in folder.names() if n.startswith("step-")})
    for name in names[:-KEPT]:
        for ending in ("json", "safetensors"):
            folder.remove(f"{name}.{ending}")
