"""HDFS by hdfs-native: the only module that imports it.

Arrow's own way to HDFS wants a JVM and Hadoop's native library in each process. This one reads the
same files of HADOOP_CONF_DIR, and the same Kerberos tickets and tokens, as Spark does.
"""

from typing import Any

from hdfs_native.fsspec import HdfsFileSystem


class Hdfs(HdfsFileSystem):  # type: ignore[misc]
    """Moves a file in place of what is there, at once, as a local file system does."""

    @staticmethod
    def of(url: str) -> "Hdfs":
        """The file system of a URL; that of HADOOP_CONF_DIR where it names no host."""
        return Hdfs(**Hdfs._get_kwargs_from_urls(url))

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        """Renames `path1` to `path2`, overwriting it."""
        self.client.rename(self._strip_protocol(path1), self._strip_protocol(path2), True)
