"""Files of models and training sets on any file system that Arrow knows, without Spark or a JVM.

Ranks run outside Spark's own process: they reach the warehouse by themselves.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.fs as pafs

from nightshelf.errors import ConfigError


@dataclass(frozen=True)
class Folder:
    """A folder by its URI, such as `file:///data/warehouse/models/m1` or `hdfs://…`.

    Raises ConfigError where it is used and Arrow knows no such file system.
    """

    uri: str

    def _at(self, name: str = "") -> tuple[Any, str]:
        if not urlparse(self.uri).scheme:
            system, root = pafs.LocalFileSystem(), self.uri
        else:
            system, root = _opened(self.url)
        return system, f"{root.rstrip('/')}/{name}".rstrip("/")

    @property
    def url(self) -> str:
        """The URI as Arrow and Petastorm read it."""
        if not urlparse(self.uri).scheme:
            return f"file://{self.uri}"
        # Spark writes file:/x.
        return self.uri.replace("file:/", "file:///", 1) if _short(self.uri) else self.uri

    def folder(self, name: str) -> "Folder":
        """A folder in this one."""
        return Folder(f"{self.uri.rstrip('/')}/{name}")

    def names(self) -> list[str]:
        """What the folder holds, in order; nothing where there is no such folder."""
        system, path = self._at()
        found = system.get_file_info(pafs.FileSelector(path, allow_not_found=True))
        return sorted(entry.base_name for entry in found)

    def open(self, name: str) -> pa.NativeFile:
        """A file to read at any place. Raises FileNotFoundError."""
        system, path = self._at(name)
        return system.open_input_file(path)

    def read(self, name: str) -> bytes:
        """A file's content. Raises FileNotFoundError."""
        with self.open(name) as file:
            content: bytes = file.read()
        return content

    def write(self, name: str, content: bytes) -> None:
        """Writes a file so that readers see all of it or none."""
        system, path = self._at(name)
        system.create_dir(path.rpartition("/")[0], recursive=True)
        partial = f"{path}.partial"
        with system.open_output_stream(partial) as file:
            file.write(content)
        system.move(partial, path)

    def local(self) -> Path:
        """The folder on this machine; a copy of its files where it is elsewhere."""
        system, path = self._at()
        if isinstance(system, pafs.LocalFileSystem):
            return Path(path)
        copy = Path(tempfile.mkdtemp(prefix="nightshelf-"))
        for name in self.names():
            (copy / name).write_bytes(self.read(name))
        return copy

    def remove(self, name: str) -> None:
        """Removes a file; nothing where there is none."""
        system, path = self._at(name)
        if system.get_file_info(path).type == pafs.FileType.File:
            system.delete_file(path)

    def delete(self, name: str = "") -> None:
        """Removes a folder in this one, or this one; nothing where there is none."""
        system, path = self._at(name)
        if system.get_file_info(path).type == pafs.FileType.Directory:
            system.delete_dir(path)


def checksum(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def _opened(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    try:
        found: tuple[Any, str] = pafs.FileSystem.from_uri(url)
    except pa.ArrowInvalid:
        raise ConfigError(
            f"{url}: models and training sets are read by Arrow, which knows file:, hdfs:, s3: and "
            f"gs:, found {urlparse(url).scheme}:; change warehouse.root, or set ctr.enabled to "
            "false"
        ) from None
    return found


def _short(uri: str) -> bool:
    return uri.startswith("file:/") and not uri.startswith("file://")
