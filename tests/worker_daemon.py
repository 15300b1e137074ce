"""The library's daemon of Python workers, with what they import loaded already.

Spark ends a worker that had nothing to do for a minute, so that a long suite starts hundreds: each
would spend seconds on imports that a fork has for nothing.
"""

import importlib

from nightshelf import worker_daemon

for _module in (
    "pandas",
    "pyspark.worker",
    "nightshelf.cf.kernel",
    "nightshelf.features.serving",
    "nightshelf.ranking.diversity",
    "nightshelf.retrieval.kernel",
    "nightshelf.tables.audit",
):
    importlib.import_module(_module)

if __name__ == "__main__":
    worker_daemon.manager()
