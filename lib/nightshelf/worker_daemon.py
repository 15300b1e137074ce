"""Spark's Python workers: forked with their imports done, and without archives on their path.

Spark ends a worker that had nothing to do for a minute, so that a night starts dozens. What nearly
every task imports (pandas, numba, the audit of tables) takes some seconds, and a fork has it for
nothing.

Before each task a worker asks every importer to look again for modules. For the archives that Spark
puts on the path (pyspark.zip and a jar) that means reading their directories: a tenth of a second,
of a task that often has no more to do. What they hold is installed beside this package.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Final
from zipimport import zipimporter

for _path, _importer in list(sys.path_importer_cache.items()):
    if isinstance(_importer, zipimporter):
        del sys.path_importer_cache[_path]
        sys.path[:] = [entry for entry in sys.path if entry != _path]

from pyspark.daemon import manager  # noqa: E402 (else it would come from the archive)

FORKED: Final = (
    "pandas",
    "pyspark.worker",
    "nightshelf.tables.audit",
    "nightshelf.features.serving",
    "nightshelf.ranking.diversity",
    "nightshelf.retrieval.kernel",
)
"""What workers are forked with."""


def start(modules: Sequence[str] = FORKED) -> None:
    """Forks workers for Spark, with the modules imported, until it ends them."""
    for module in modules:
        importlib.import_module(module)
    manager()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    start()
