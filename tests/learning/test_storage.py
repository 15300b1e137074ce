"""Where models and training sets may lie."""

from pathlib import Path

import pytest
from pyarrow.fs import S3FileSystem

from nightshelf.errors import ConfigError
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
