"""HDFS by hdfs-native: the only module that imports it.

Arrow's own way to HDFS wants a JVM and Hadoop's native library in each process. This one reads the
same files of HADOOP_CONF_DIR, and the same Kerberos tickets and tokens, as Spark does.
"""

import os
from functools import cache
from typing import Any

from hdfs_native.fsspec import HdfsFileSystem


class Hdfs(HdfsFileSystem):  # type: ignore[misc]
    """Moves a file in place of what is there, at once, as a local file system does.

    It says that there is no file only where the name node says so.
    """

    # In a forked process fsspec drops what it has cached, and a client that is dropped waits for
    # threads that a fork does not have: for ever.
    cachable = False

    @staticmethod
    def of(url: str) -> "Hdfs":
        """The file system of a URL; that of HADOOP_CONF_DIR where it names no host."""
        told = Hdfs._get_kwargs_from_urls(url)
        return _opened(told["host"], told["port"], os.getpid())

    def isfile(self, path: str) -> bool:
        """Whether a file is there; fsspec's says no of one that cannot be asked for."""
        try:
            return bool(self.info(path)["type"] == "file")
        except FileNotFoundError:
            return False

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        """Renames `path1` to `path2`, overwriting it."""
        self.client.rename(self._strip_protocol(path1), self._strip_protocol(path2), True)


@cache
def _opened(host: str | None, port: int | None, process: int) -> Hdfs:
    """One for each process: a fork cannot use that of its parent.

    It cannot use the library's connections to data nodes either, which all clients of a process
    share for three seconds after their last use: until then it would wait for ever. Nothing here
    forks after it has read; what ranks and Spark's workers are started by has not.
    """
    return Hdfs(host, port)
