"""What ranks tell each other: the only module that imports Horovod.

Gradients are sums over the rows of all ranks. Those of the layers travel in one buffer. Those of
the table travel either row by row, as what each rank touched (an allgather), or as the whole table
(an allreduce), whichever moves fewer bytes.
"""

import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pyspark import SparkContext
from torch import Tensor

from nightshelf.learning.places import in_one_process
from nightshelf.learning.progress import Life
from nightshelf.learning.touched import compact, sums_by_place

Array = NDArray[Any]

HALF_BITS: Final = 15
"""Numbers up to 2 ** 15 fit fp16, and so does what rounding makes of their sums."""


class Ranks(Protocol):
    """The processes that train together, as one of them sees them."""

    rank: int
    size: int
    local_rank: int

    def sum_layers(self, gradients: Tensor) -> None:
        """Replaces the layers' gradients, one vector, by their sum over ranks."""

    def sum_rows(self, touched: Tensor, gradients: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """(touched, gradients) of all ranks: rows distinct, gradients summed in rank order.

        touched (U,) of the table's `rows`, gradients (U, W).
        """

    def gathered(self, array: Array) -> Array:
        """The arrays of all ranks behind one another, in rank order."""

    def sign(self) -> None:
        """A sign of life to whoever watches, from work that is no step."""


class Alone:
    """One process, which has nobody to tell."""

    rank, size, local_rank = 0, 1, 0

    def sum_layers(self, gradients: Tensor) -> None:
        """Nothing to add."""

    def sum_rows(self, touched: Tensor, gradients: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """As they are."""
        return touched, gradients

    def gathered(self, array: Array) -> Array:
        """As it is."""
        return array

    def sign(self) -> None:
        """Nobody watches."""


@dataclass
class HorovodRanks:
    """The ranks of a Horovod job; NCCL between GPUs where Horovod was built with it, else Gloo.

    half: gradients travel in half precision, multiplied by what brings the largest of all ranks
    near the top of its range: small ones are then no zeros, and sums do not overflow. life: what
    leaves signs of life; None: nobody watches.
    """

    half: bool = False
    life: Life | None = None

    def __post_init__(self) -> None:
        import horovod.torch as hvd

        hvd.init()
        self._hvd = hvd
        self.rank, self.size, self.local_rank = hvd.rank(), hvd.size(), hvd.local_rank()
        self._on_gpu = bool(hvd.nccl_built()) and torch.cuda.is_available()
        self._by_rows: bool | None = None
        self._marks = np.empty(0, np.int32)

    def sum_layers(self, gradients: Tensor) -> None:
        """Replaces the layers' gradients, one vector, by their sum over ranks."""
        if self.size > 1:
            gradients.copy_(self._summed(gradients, "layers"))

    def sum_rows(self, touched: Tensor, gradients: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """(touched, gradients) of all ranks: rows distinct, gradients summed in rank order.

        touched (U,) of the table's `rows`, gradients (U, W).
        """
        if self.size == 1:
            return touched, gradients
        if self._by_rows is None:
            self._by_rows = self._rows_are_fewer(len(touched), rows, gradients.shape[1])
            self._marks = np.full(rows, -1, np.int32)
        if not self._by_rows:
            whole = torch.zeros((rows, gradients.shape[1]), device=gradients.device)
            whole[touched] = gradients
            summed = self._summed(whole, "table")
            changed = summed.abs().amax(1).nonzero().flatten().to(touched.dtype)
            return changed, summed[changed]
        sent, scale = self._as_sent(gradients)
        places = self._hvd.allgather_async(self._there(touched), name="rows")
        values = self._hvd.allgather_async(self._there(sent), name="values")
        every = self._hvd.synchronize(places).cpu().numpy()
        told = _as_meant(self._hvd.synchronize(values), scale).cpu().numpy()
        distinct, at = compact(every, self._marks)
        summed = torch.from_numpy(sums_by_place(at, told, len(distinct)))
        return (
            torch.from_numpy(distinct).to(touched.device),
            summed.to(gradients.device),
        )

    def gathered(self, array: Array) -> Array:
        """The arrays of all ranks behind one another, in rank order."""
        if self.size == 1:
            return array
        if array.dtype == np.bool_:  # which Horovod does not gather
            return self.gathered(array.view(np.uint8)).view(np.bool_)
        told = torch.from_numpy(np.ascontiguousarray(array))
        return np.asarray(self._hvd.allgather(told, name="gathered").numpy())

    def sign(self) -> None:
        """A sign of life to whoever watches, from work that is no step."""
        if self.life is not None:
            self.life.sign()

    def _summed(self, values: Tensor, name: str) -> Tensor:
        sent, scale = self._as_sent(values)
        summed: Tensor = self._hvd.allreduce(self._there(sent), op=self._hvd.Sum, name=name)
        return _as_meant(summed.to(values.device), scale)

    def _as_sent(self, values: Tensor) -> tuple[Tensor, float]:
        """The values as they travel, and by what they are multiplied, the same on all ranks."""
        if not self.half:
            return values, 1.0
        own = float(values.abs().max()) if len(values) else 0.0
        scale = half_scale(self.size * float(self.gathered(np.array([own])).max()))
        return (values * scale).half(), scale

    def _there(self, values: Tensor) -> Tensor:
        """Where Horovod can take the values from."""
        return values if self._on_gpu else values.cpu()

    def _rows_are_fewer(self, touched: int, rows: int, width: int) -> bool:
        """Whether exchanging rows moves fewer bytes than the table, by the busiest rank's first."""
        most = int(self.gathered(np.array([touched], np.int64)).max())
        each = 2 if self.half else 4
        by_rows = (self.size - 1) * most * (width * each + 4)
        return bool(by_rows < 2 * (self.size - 1) / self.size * rows * width * each)


def _as_meant(values: Tensor, scale: float) -> Tensor:
    """What arrived, in single precision, without what it was multiplied by."""
    return values.float() if scale == 1.0 else values.float().div_(scale)


def half_scale(largest: float) -> float:
    """The power of two that brings a number near the top of fp16's range, with room for rounding.

    1 for 0, and for what is no finite number, which shall arrive as such.
    """
    if not largest or not math.isfinite(largest):
        return 1.0
    exponent = math.frexp(largest)[1]
    # Above 2 ** 100 the scale itself would leave fp32's range.
    return math.ldexp(1.0, min(HALF_BITS - exponent, 100))


def device_of(ranks: Ranks) -> torch.device:
    """A GPU for each rank of a machine that has them, else its CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", ranks.local_rank % torch.cuda.device_count())


def see_own_gpu() -> None:
    """Lets this process see the GPU alone that Spark gave its task; all where Spark gives none.

    To be called before anything looks for GPUs.
    """
    from horovod.spark.task import get_available_devices

    given = get_available_devices()
    if given:
        # Spark's addresses count as nvidia-smi does.
        os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        os.environ["CUDA_VISIBLE_DEVICES"] = given[0]


def on_spark(
    spark: SparkContext,
    work: Callable[..., Any],
    arguments: tuple[Any, ...],
    ranks: int,
    environment: Mapping[str, str],
    start_seconds: int,
) -> list[Any]:
    """Runs `work` on as many of the Spark session's executors; its results in rank order.

    `environment` joins that of the ranks. Raises what Horovod raises where a rank ends otherwise.
    """
    import horovod.spark

    own = dict(environment)
    shipped = {} if in_one_process(spark) else _shipped(spark)
    if not shipped:
        # Ranks are fresh processes: they find the library where this one did.
        own["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    before, spark.environment = spark.environment, {**spark.environment, **shipped}
    try:
        found: list[Any] = horovod.spark.run(
            work,
            args=arguments,
            num_proc=ranks,
            start_timeout=start_seconds,
            use_gloo=True,
            use_mpi=False,
            env=own,
            verbose=0,
            # Horovod would take the path of this machine's.
            executable=spark.pythonExec,
        )
    finally:
        spark.environment = before
    return found


def _shipped(spark: SparkContext) -> dict[str, str]:
    """What Spark's Python workers on a cluster are started with, for the ranks that they start.

    They find `--py-files` in their working folder by themselves; a process of theirs does not.
    """
    return {"PYTHONPATH": os.pathsep.join(spark._python_includes or [])}
