"""Small files: what is told of those that cannot be read."""

from pathlib import Path

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from nightshelf.errors import ConfigError, MissingInputError, RetryLaterError
from nightshelf.tables.files import Files


def test_what_is_not_there_has_no_content(spark: SparkSession, tmp_path: Path) -> None:
    files = Files(spark)
    assert files.read_bytes(str(tmp_path / "absent")) is None
    assert files.read_json(str(tmp_path / "absent")) == {}


def test_what_is_not_as_it_was_written_is_no_content(spark: SparkSession, tmp_path: Path) -> None:
    files, path = Files(spark), tmp_path / "told.json"
    files.write_json(str(path), {"a": 1})
    assert files.read_json(str(path)) == {"a": 1}
    path.write_text('{"a": 2}')
    with pytest.raises(MissingInputError, match=r"told\.json: not as it was written"):
        files.read_bytes(str(path))
    assert files.read_json(str(path)) == {}


def test_storage_that_fails_is_not_taken_for_an_absent_file(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, path = Files(spark), tmp_path / "told.json"
    raised = spark._jvm.java.net.ConnectException("Call to nn:8020 failed\nmore")

    class Silent:
        def open(self, _: object) -> None:
            raise Py4JJavaError("", raised)

    monkeypatch.setattr(files, "_at", lambda _: (Silent(), None))
    with pytest.raises(RetryLaterError, match=r"told\.json: cannot be read; run again .*8020") as e:
        files.read_bytes(str(path))
    assert "\n" not in str(e.value)
    denied = "org.apache.hadoop.security.AccessControlException: Permission denied: user=me"
    raised = spark._jvm.java.io.IOException(denied)
    with pytest.raises(ConfigError, match=r"told\.json: access is refused; give the job's user"):
        files.read_bytes(str(path))
    assert files.read_json(str(path)) == {}
