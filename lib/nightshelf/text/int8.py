"""A model's matrices in eight bits, run by ONNX Runtime: faster on CPUs, and a little less exact.

Weights are rounded by output channel, activations as they come ("dynamic" quantisation).
"""

import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from nightshelf.errors import ConfigError
from nightshelf.text.batches import Batch
from nightshelf.text.encoder import States

NAMES: Final = ("input_ids", "attention_mask", "token_type_ids")
OPSET: Final = 17
FILE: Final = "int8.onnx"
"""What the eight-bit form of a model is called in the model's folder."""


def quantised(model: torch.nn.Module, told: str = "last_hidden_state") -> bytes:
    """The ONNX file of a transformers model in eight bits; `told` is which of its results is kept.

    Raises ConfigError where ONNX Runtime is not installed.
    """
    tools = _tools()
    example = torch.ones((2, 8), dtype=torch.long)
    axes = {name: {0: "texts", 1: "tokens"} for name in NAMES}
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder, "whole.onnx"), Path(folder, "int8.onnx")
        with warnings.catch_warnings():
            # The newer exporter wants a further package; this one says that it is the older.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Only(model, told),
                (example, example, torch.zeros_like(example)),
                str(whole),
                input_names=list(NAMES),
                output_names=["told"],
                dynamic_axes={**axes, "told": {0: "texts"}},
                opset_version=OPSET,
                dynamo=False,
            )
        tools.quantize_dynamic(
            str(whole), str(small), per_channel=True, weight_type=tools.QuantType.QInt8
        )
        return small.read_bytes()


def states(content: bytes, threads: int) -> States:
    """The states by ONNX Runtime. Raises ConfigError where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        raise ConfigError(_NOT_INSTALLED) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    wanted = [own.name for own in session.get_inputs()]

    def told(batch: Batch) -> torch.Tensor:
        types = np.zeros_like(batch.ids) if batch.types is None else batch.types
        given = dict(zip(NAMES, (batch.ids, batch.mask, types), strict=True))
        # A model that does not tell texts of a pair apart has no such input.
        found = session.run(None, {name: given[name] for name in wanted})
        return torch.from_numpy(found[0])

    return told


_NOT_INSTALLED: Final = (
    "precision: int8 needs ONNX Runtime, which is not installed; pip install 'nightshelf[text]', "
    "or set fp32 or bf16"
)


def _tools() -> Any:
    try:
        import onnx  # noqa: F401 (the exporter needs it)
        from onnxruntime import quantization
    except ImportError:
        raise ConfigError(_NOT_INSTALLED) from None
    return quantization


class _Only(torch.nn.Module):
    """The model with one of its results, and without keywords."""

    def __init__(self, model: torch.nn.Module, told: str) -> None:
        super().__init__()
        self.model: Any = model
        self.told = told

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """One of the model's results."""
        given = {"input_ids": ids, "attention_mask": mask}
        if getattr(self.model.config, "type_vocab_size", 0) > 1:
            given["token_type_ids"] = types
        found: torch.Tensor = getattr(self.model(**given), self.told)
        return found
