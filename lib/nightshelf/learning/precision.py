"""The arithmetic of the layers: full, or half where that is faster; and repeatable sums."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch

from nightshelf.errors import ConfigError
from nightshelf.learning.distributed import Ranks

Precision = Literal["fp32", "bf16", "fp16"]


def chosen(precision: Precision | Literal["auto"], device: torch.device, ranks: Ranks) -> Precision:
    """`auto` is bf16 where the hardware of every rank multiplies it, else fp32; others as told."""
    if precision != "auto":
        return precision
    return "bf16" if ranks.gathered(np.array([multiplies_bf16(device)])).all() else "fp32"


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bf16, which is slower than fp32 without them.

    Of processors those of x86 count, whose gain was measured.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    told = torch.cpu.get_capabilities()
    return any(told.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


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

    LEAST: ClassVar = 2.0

    value: float
    patience: int = 2_000
    good: int = 0

    @staticmethod
    def of(precision: Precision) -> "LossScale":
        """The first scale."""
        return LossScale(65_536.0 if precision == "fp16" else 1.0)

    @property
    def is_least(self) -> bool:
        """Whether a gradient that is no number cannot be for the scale's sake."""
        return self.value <= self.LEAST

    def accepts(self, finite: bool) -> bool:
        """Whether to take a step; changes the scale as told above."""
        if self.value == 1.0:
            return True
        self.good = self.good + 1 if finite else 0
        if not finite:
            self.value = max(self.LEAST, self.value / 2)
        elif self.good % self.patience == 0:
            self.value = min(2.0**24, self.value * 2)
        return finite


def repeatable() -> None:
    """From now on the same sums come out the same, to the bit, each time on the same hardware.

    Not with warnings alone: attention on a GPU would then add up in any order. Memory that a kernel
    is going to write is not filled before, which takes a kernel more and changes no result.
    """
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
