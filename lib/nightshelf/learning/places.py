"""Where ranks run: how many there are, and how many cores each has."""

from dataclasses import dataclass
from typing import Final

from pyspark import SparkContext

GPUS_AN_EXECUTOR: Final = "spark.executor.resource.gpu.amount"
GPUS_A_TASK: Final = "spark.task.resource.gpu.amount"


def in_one_process(spark: SparkContext) -> bool:
    """Whether the session's executor is the driver itself."""
    master = str(spark.master)
    return master.startswith("local") and not master.startswith("local-cluster")


@dataclass(frozen=True)
class Places:
    """Ranks of a training, and the cores of each.

    A training has the executors for itself, so its ranks share all their cores, however few of
    them Spark counts for a task.
    """

    ranks: int
    cores: int

    @staticmethod
    def of(spark: SparkContext, ranks: int | None = None) -> "Places":
        """`ranks` of them; without, one a GPU, else one an executor, and one in a local session."""
        cores = spark.defaultParallelism
        if in_one_process(spark):
            ranks = ranks or 1
            return Places(ranks, max(1, cores // ranks))
        conf, executors = spark.getConf(), _executors(spark)
        ranks = ranks or executors * _gpus_alone(spark)
        each = int(conf.get("spark.executor.cores") or max(1, cores // executors))
        return Places(ranks, max(1, each // -(-ranks // executors)))


def _executors(spark: SparkContext) -> int:
    """As many as are asked for, else as there are."""
    asked = spark.getConf().get("spark.executor.instances")
    there = int(spark._jsc.sc().getExecutorMemoryStatus().size()) - 1
    return max(1, int(asked) if asked else there)


def _gpus_alone(spark: SparkContext) -> int:
    """GPUs of an executor, where each task has one of its own; else 1.

    Tasks with a share of a GPU are put on the first until it is full.
    """
    conf = spark.getConf()
    if float(conf.get(GPUS_A_TASK) or 0) < 1:
        return 1
    return max(1, int(conf.get(GPUS_AN_EXECUTOR) or 1))
