"""Files on any Hadoop file system, by URI."""

import json
import re
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from nightshelf.errors import MissingInputError, NightshelfError, RetryLaterError, refused_access

_IS_THERE = re.compile("AlreadyExists|AlreadyBeingCreated|RemoteFileChanged")
"""How file systems say that a file is there: HDFS while another writes it, S3 as it is closed."""

_NOT_THERE = ("FileNotFoundException", "NoSuchFileException")


@dataclass(frozen=True)
class FileInfo:
    """One entry of a folder. `modified` is in seconds since the epoch, by the file system."""

    path: str
    name: str
    size: int
    modified: float
    is_dir: bool


def literal(path: str) -> str:
    """The path as a Hadoop glob that matches it alone: Spark takes the paths it loads for globs."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)


class Files:
    """The few operations that tables, locks and sources need, through Spark's Hadoop settings."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark._jvm
        self._conf: Any = spark._jsc.hadoopConfiguration()

    def _at(self, path: str) -> tuple[Any, Any]:
        where = self._jvm.org.apache.hadoop.fs.Path(path)
        return where.getFileSystem(self._conf), where

    def qualified(self, path: str) -> str:
        """The full URI: scheme, authority and absolute path."""
        fs, where = self._at(path)
        return str(fs.makeQualified(where).toString())

    def local_path(self, path: str) -> str | None:
        """The path on this machine where the file system is the local one, else None."""
        uri = self._at(self.qualified(path))[1].toUri()
        return str(uri.getPath()) if uri.getScheme() == "file" else None

    def exists(self, path: str) -> bool:
        fs, where = self._at(path)
        return bool(fs.exists(where))

    def modified(self, path: str) -> float | None:
        """Seconds since the epoch, by the file system; None where there is nothing."""
        fs, where = self._at(path)
        try:
            return float(fs.getFileStatus(where).getModificationTime() / 1000.0)
        except Py4JJavaError as error:
            if _kind(error) in _NOT_THERE:
                return None
            raise

    def entries(self, path: str) -> list[FileInfo]:
        """What the folder holds, by name; nothing where there is no such folder."""
        fs, where = self._at(path)
        if not fs.exists(where):
            return []
        return sorted((_info(status) for status in fs.listStatus(where)), key=lambda f: f.name)

    def below(self, path: str, leave_out: str = "") -> list[FileInfo]:
        """Every file below the folder, but for what is inside folders of that name."""
        found = []
        for entry in self.entries(path):
            if not entry.is_dir:
                found.append(entry)
            elif entry.name != leave_out:
                found += self.below(entry.path, leave_out)
        return found

    def glob(self, pattern: str) -> list[FileInfo]:
        """Files and folders that match a Hadoop glob, by path."""
        fs, where = self._at(pattern)
        found = fs.globStatus(where) or []
        return sorted((_info(status) for status in found), key=lambda f: f.path)

    def delete(self, path: str) -> None:
        fs, where = self._at(path)
        fs.delete(where, True)

    def rename(self, old: str, new: str) -> bool:
        """Moves a file; False where another process was first."""
        fs, where = self._at(old)
        try:
            return bool(fs.rename(where, self._jvm.org.apache.hadoop.fs.Path(new)))
        except Py4JJavaError:
            return False

    def put_in_place(self, old: str, new: str) -> None:
        """Moves a file or folder to where another may lie, which goes.

        Raises RetryLaterError where the file system refuses.
        """
        fs, where = self._at(new)
        fs.delete(where, True)
        fs.mkdirs(where.getParent())
        if not self.rename(old, new):
            raise RetryLaterError(
                f"{new}: could not be put in place from {old}; run the step again"
            )

    def write_bytes(self, path: str, content: bytes, *, exclusive: bool = False) -> bool:
        """Writes a file of a few megabytes; with `exclusive`, False where it is there already."""
        fs, where = self._at(path)
        try:
            stream = fs.create(where, not exclusive)
            try:
                stream.write(bytearray(content))
            finally:
                stream.close()
        except Py4JJavaError as error:
            if exclusive and _IS_THERE.search(str(error.java_exception.toString())):
                return False
            raise
        return True

    def read_bytes(self, path: str) -> bytes | None:
        """The content of a small file; None where there is none.

        Raises MissingInputError where it is not as it was written, RetryLaterError where the
        storage does not give it.
        """
        fs, where = self._at(path)
        try:
            stream = fs.open(where)
            try:
                return bytes(stream.readAllBytes())
            finally:
                stream.close()
        except Py4JJavaError as error:
            kind = _kind(error)
            if kind in _NOT_THERE:
                return None
            if kind == "ChecksumException":
                raise MissingInputError(
                    f"{path}: not as it was written; bring the file back from a copy"
                ) from None
            why = str(error.java_exception.getMessage()).partition("\n")[0]
            later = RetryLaterError(f"{path}: cannot be read; run again ({kind}: {why})")
            raise refused_access(error, path) or later from None

    def read_json(self, path: str) -> dict[str, Any]:
        """The JSON object in a small file; empty where it is missing, torn or being written."""
        try:
            told = json.loads(self.read_bytes(path) or b"{}")
        except (ValueError, NightshelfError):
            return {}
        return told if isinstance(told, dict) else {}

    def write_json(self, path: str, value: dict[str, Any], *, exclusive: bool = False) -> bool:
        """Writes a JSON object; see `write_bytes`."""
        told = json.dumps(value, sort_keys=True) + "\n"
        return self.write_bytes(path, told.encode(), exclusive=exclusive)

    def first_line(self, path: str, encoding: str) -> str:
        """The first line of a text file, decompressed by its ending; empty for an empty file."""
        fs, where = self._at(path)
        codec = self._jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(
            self._conf
        ).getCodec(where)
        raw = fs.open(where)
        stream = raw if codec is None else codec.createInputStream(raw)
        java = self._jvm.java.io
        reader = java.BufferedReader(java.InputStreamReader(stream, encoding))
        try:
            return str(reader.readLine() or "")
        finally:
            reader.close()


def _kind(error: Py4JJavaError) -> str:
    return str(error.java_exception.getClass().getSimpleName())


def _info(status: Any) -> FileInfo:
    path = status.getPath()
    return FileInfo(
        path=str(path.toString()),
        name=str(path.getName()),
        size=int(status.getLen()),
        modified=status.getModificationTime() / 1000.0,
        is_dir=bool(status.isDirectory()),
    )
