"""Files of models and training sets on any file system that Arrow knows, without Spark or a JVM.

Ranks run outside Spark's own process: they reach the warehouse by themselves.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.fs as pafs

from nightshelf.errors import ConfigError, RetryLaterError, first_line, refused_access

_HDFS: Final = "hdfs"
_S3: Final = ("s3a", "s3n")
"""Hadoop's names for what Arrow knows as s3."""


@dataclass(frozen=True)
class Folder:
    """A folder by its URI, such as `file:///data/warehouse/models/m1` or `hdfs://…`.

    Raises ConfigError where it is used and Arrow knows no such file system or access is refused,
    RetryLaterError where the file system gives or takes nothing but would not say either that there
    is no such file.
    """

    uri: str

    def _at(self, name: str = "") -> tuple[Any, str]:
        system, root = _opened(self.url)
        return system, f"{root.rstrip('/')}/{name}".rstrip("/")

    @property
    def url(self) -> str:
        """The URI as Arrow and Petastorm read it."""
        scheme, _, rest = self.uri.partition(":")
        if scheme in _S3:
            return f"s3:{rest}"
        if not urlparse(self.uri).scheme:
            return f"file://{self.uri}"
        # Spark writes file:/x.
        return self.uri.replace("file:/", "file:///", 1) if _short(self.uri) else self.uri

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine's file system."""
        return urlparse(self.url).scheme == "file"

    def folder(self, name: str) -> "Folder":
        """A folder in this one."""
        return Folder(f"{self.uri.rstrip('/')}/{name}")

    def names(self) -> list[str]:
        """What the folder holds, in order; nothing where there is no such folder."""
        with self._used() as (system, path):
            found = system.get_file_info(pafs.FileSelector(path, allow_not_found=True))
        return sorted(entry.base_name for entry in found)

    def open(self, name: str) -> pa.NativeFile:
        """A file to read at any place. Raises FileNotFoundError."""
        with self._used(name) as (system, path):
            return system.open_input_file(path)

    def read(self, name: str) -> bytes:
        """A file's content. Raises FileNotFoundError."""
        with self._used(name) as (system, path), system.open_input_file(path) as file:
            content: bytes = file.read()
        return content

    def write(self, name: str, content: bytes) -> None:
        """Writes a file so that readers see all of it or none."""
        with self._used(name) as (system, path):
            system.create_dir(path.rpartition("/")[0], recursive=True)
            partial = f"{path}.partial"
            with system.open_output_stream(partial) as file:
                file.write(content)
            system.move(partial, path)

    @contextmanager
    def local(self) -> Iterator[Path]:
        """The folder on this machine: where it is elsewhere a copy of its files, for a while."""
        if self.is_local:
            yield Path(self._at()[1])
            return
        with tempfile.TemporaryDirectory(prefix="nightshelf-") as copy:
            for name in self.names():
                Path(copy, name).write_bytes(self.read(name))
            yield Path(copy)

    def remove(self, name: str) -> None:
        """Removes a file; nothing where there is none."""
        with self._used(name) as (system, path):
            if system.get_file_info(path).type == pafs.FileType.File:
                system.delete_file(path)

    def delete(self, name: str = "") -> None:
        """Removes a folder in this one, or this one; nothing where there is none."""
        with self._used(name) as (system, path):
            if system.get_file_info(path).type == pafs.FileType.Directory:
                system.delete_dir(path)

    @contextmanager
    def _used(self, name: str = "") -> Iterator[tuple[Any, str]]:
        """The file system and a path, while they are used."""
        try:
            yield self._at(name)
        except FileNotFoundError:
            raise
        except (OSError, RuntimeError) as error:  # hdfs-native tells most by the second
            where = f"{self.uri.rstrip('/')}/{name}".rstrip("/")
            told = RetryLaterError(f"{where}: storage failed; run again ({first_line(error)})")
            raise refused_access(error, where) or told from error


def checksum(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def _opened(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    parsed = urlparse(url)
    if parsed.scheme == _HDFS:
        return pafs.PyFileSystem(pafs.FSSpecHandler(_hdfs(url))), parsed.path
    if parsed.scheme == "file":  # whose path may hold what a URL would have to escape
        return pafs.LocalFileSystem(), url.removeprefix("file://")
    try:
        found: tuple[Any, str] = pafs.FileSystem.from_uri(url)
    except pa.ArrowInvalid:
        raise ConfigError(
            f"{url}: models and training sets are read by Arrow, which knows file:, hdfs:, s3a: "
            f"and gs:, found {parsed.scheme}:; change warehouse.root, or set ctr.enabled to false"
        ) from None
    return found


def _hdfs(url: str) -> Any:
    try:
        from nightshelf.learning.hdfs import Hdfs  # an extra
    except ImportError:
        raise ConfigError(
            f"{url}: models and training sets on HDFS need hdfs-native, which is not installed; "
            "pip install 'nightshelf[hdfs]', on the executors, too"
        ) from None
    return Hdfs.of(url)


def _short(uri: str) -> bool:
    return uri.startswith("file:/") and not uri.startswith("file://")
