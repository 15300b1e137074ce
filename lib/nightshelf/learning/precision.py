"""The arithmetic of the layers: full, or half where the hardware multiplies faster so."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

from nightshelf.errors import ConfigError

Precision = Literal["fp32", "bf16", "fp16"]


def arithmetic(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Layers within the block multiply in this precision; the table and the loss stay in fp32.

    Raises ConfigError for fp16 on a CPU, whose kernels for it are slower than fp32's.
    """
    if precision == "fp32":
        return nullcontext()
    if precision == "fp16" and device.type == "cpu":
        raise ConfigError(
            "precision: fp16 needs a GPU, found a CPU; set bf16, or fp32 on older processors"
        )
    kind = torch.bfloat16 if precision == "bf16" else torch.float16
    return torch.autocast(device.type, dtype=kind)


@dataclass
class LossScale:
    """Keeps gradients within fp16's range (Micikevicius et al. 2018); 1 in other precisions.

    Halved where a gradient overflows, whose step is left out; doubled after `patience` good steps.
    """

    value: float
    patience: int = 2_000
    good: int = 0

    @staticmethod
    def of(precision: Precision) -> "LossScale":
        """The first scale."""
        return LossScale(65_536.0 if precision == "fp16" else 1.0)

    def accepts(self, finite: bool) -> bool:
        """Whether to take a step; changes the scale as told above."""
        if self.value == 1.0:
            return True
        self.good = self.good + 1 if finite else 0
        if not finite:
            self.value = max(2.0, self.value / 2)
        elif self.good % self.patience == 0:
            self.value = min(2.0**24, self.value * 2)
        return finite
