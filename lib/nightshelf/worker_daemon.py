"""Spark's Python workers without archives on their path.

Before each task a worker asks every importer to look again for modules. For the archives that Spark
puts on the path (pyspark.zip and a jar) that means reading their directories: a tenth of a second,
of a task that often has no more to do. What they hold is installed beside this package.
"""

import sys
from zipimport import zipimporter

for _path, _importer in list(sys.path_importer_cache.items()):
    if isinstance(_importer, zipimporter):
        del sys.path_importer_cache[_path]
        sys.path[:] = [entry for entry in sys.path if entry != _path]

from pyspark.daemon import manager  # noqa: E402 (else it would come from the archive)

if __name__ == "__main__":
    manager()  # type: ignore[no-untyped-call]
