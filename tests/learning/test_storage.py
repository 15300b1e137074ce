"""Where models and training sets may lie."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyarrow.fs import FSSpecHandler, PyFileSystem, S3FileSystem

from nightshelf.errors import ConfigError, RetryLaterError
from nightshelf.learning import storage
from nightshelf.learning.storage import Folder


@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}"])
def test_local_folders_by_path_and_by_uri(tmp_path: Path, form: str) -> None:
    folder = Folder(form.format(tmp_path))
    folder.write("a/b.json", b"1")
    assert (tmp_path / "a" / "b.json").read_bytes() == b"1"
    assert folder.folder("a").names() == ["b.json"]
    assert folder.url == f"file://{tmp_path}"


def test_file_systems_that_arrow_does_not_know_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^wasb://shop/w: .* found wasb:; change warehouse.root"):
        Folder("wasb://shop/w").names()


def test_hadoops_name_of_s3_is_arrows() -> None:
    assert Folder("s3a://shop/w").folder("models").url == "s3://shop/w/models"
    assert isinstance(Folder("s3a://shop/w?region=eu-central-1")._at()[0], S3FileSystem)


USES: list[Callable[[Folder], object]] = [
    Folder.names,
    lambda folder: folder.open("a"),
    lambda folder: folder.read("a"),
    lambda folder: folder.write("a", b"1"),
    lambda folder: folder.remove("a"),
    Folder.delete,
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "error", [OSError("AWS Error NETWORK_CONNECTION\nfor a"), RuntimeError("RPC failed")]
)
def test_storage_that_fails_may_be_asked_again(
    monkeypatch: pytest.MonkeyPatch, use: Callable[[Folder], object], error: Exception
) -> None:
    class Broken:
        def __getattr__(self, _: str) -> object:
            raise error

    monkeypatch.setattr(storage, "_opened", lambda _: (Broken(), "/w"))
    told = rf"^s3a://shop/w(/a)?: storage failed; run again \({str(error).splitlines()[0]}\)$"
    with pytest.raises(RetryLaterError, match=told):
        use(Folder("s3a://shop/w"))


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied"),
        OSError("When getting information for key 'a': AWS Error ACCESS_DENIED during HeadObject"),
    ],
)
def test_storage_that_refuses_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    class Closed:
        def __getattr__(self, _: str) -> object:
            raise error

    monkeypatch.setattr(storage, "_opened", lambda _: (Closed(), "/w"))
    with pytest.raises(ConfigError, match=r"^s3a://shop/w/a: access is refused; give the job's"):
        Folder("s3a://shop/w").read("a")


def test_a_file_that_is_not_there_is_no_failure(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    for use in (folder.read, folder.open):
        with pytest.raises(FileNotFoundError):
            use("none")
    assert folder.folder("none").names() == []


def test_a_name_node_that_does_not_answer_is_not_taken_for_no_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hdfs = pytest.importorskip("nightshelf.learning.hdfs").Hdfs
    system = hdfs.__new__(hdfs)
    monkeypatch.setattr(storage, "_opened", lambda _: (PyFileSystem(FSSpecHandler(system)), "/w"))

    def told(error: Exception) -> None:
        def info(*_: object) -> None:
            raise error

        monkeypatch.setattr(hdfs, "info", info)

    told(RuntimeError("RPC failed"))
    with pytest.raises(RetryLaterError, match="RPC failed"):
        Folder("hdfs://nn/w").read("a")
    told(FileNotFoundError("/w/a"))
    with pytest.raises(FileNotFoundError):
        Folder("hdfs://nn/w").read("a")
