"""Set-up: what it names when parts are missing, and what it pins."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP = ROOT / "scripts" / "setup.sh"
TOOLS = (
    "bash", "echo", "sed", "cut", "xargs", "paste", "sort", "id", "dirname", "cat", "sh", "uname",
)  # fmt: skip


def test_all_missing_parts_are_named_at_once_with_the_line_that_installs_them(
    tmp_path: Path,
) -> None:
    """With a PATH that holds the shell's own tools only, and not as root."""
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    (tmp_path / "id").unlink()
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    ended = subprocess.run(
        ["bash", str(SETUP), "check"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert (
        "missing: Java 17 or newer (found none); g++ (a C++ compiler); make; Python 3.11"
        in ended.stderr
    )
    assert (
        "apt-get install -y openjdk-17-jre-headless g++ make python3.11 python3.11-venv "
        "python3.11-dev" in ended.stderr
    )


def test_another_system_is_refused_before_anything(tmp_path: Path) -> None:
    uname = tmp_path / "uname"
    uname.write_text("#!/bin/sh\necho Darwin\n")
    uname.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ended = subprocess.run(
        ["bash", str(SETUP), "check"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("setup: expected Linux, found Darwin: ")


def test_an_old_java_is_no_java(tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n")
    java.chmod(0o755)
    environment = {
        **os.environ,
        "JAVA_HOME": str(tmp_path),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }
    told = subprocess.run(
        ["bash", "-c", f"id() {{ echo 1000; }}; export -f id; bash {SETUP} check"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 1
    assert "Java 17 or newer (found 8)" in told.stderr


def test_a_second_set_up_does_nothing() -> None:
    stamp = ROOT / ".venv" / ".nightshelf-setup"
    if not stamp.exists():
        pytest.skip("this environment was not made by make setup")
    before = stamp.stat().st_mtime_ns
    ended = subprocess.run(["bash", str(SETUP)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stamp.stat().st_mtime_ns == before


def test_spark_submit_finds_its_spark_without_an_activated_environment(tmp_path: Path) -> None:
    submit = ROOT / ".venv" / "bin" / "spark-submit"
    if not (ROOT / ".venv" / ".nightshelf-setup").exists():
        pytest.skip("this environment was not made by make setup")
    other = tmp_path / "python3"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "SPARK_HOME" and not name.startswith("PYSPARK_")
    }
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    ended = subprocess.run(
        [submit, "--version"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "version 4.0.5" in ended.stderr


def test_a_cluster_gets_the_horovod_that_set_up_installed(tmp_path: Path) -> None:
    """Whatever other wheels the cache holds."""
    about = tmp_path / "horovod-0.28.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: horovod\nVersion: 0.28.1\n")
    wheel = tmp_path / "my cache" / "horovod-0.28.1-cp311-cp311-linux_x86_64.whl"
    (about / "direct_url.json").write_text(f'{{"url": "{wheel.as_uri()}", "archive_info": {{}}}}')
    script = (ROOT / "scripts" / "dist.sh").read_text()
    function = script[script.index("horovod_wheel() {") : script.index("packages() {")]
    told = subprocess.run(
        ["bash", "-c", f"PYTHON={sys.executable}; {function}\nhorovod_wheel"],
        env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout == f"{wheel}\n"
    assert '"$(horovod_wheel)"' in script


@pytest.mark.parametrize(
    "lock",
    [
        "requirements.lock",
        "scripts/horovod.lock",
        "scripts/uv.lock",
        "airflow_dags/requirements.lock",
    ],
)
def test_locks_pin_and_hash_every_package_and_name_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert requirements
    for requirement in requirements:
        assert re.match(r"[a-z0-9._-]+(\[[a-z0-9,]+\])?==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement


def test_the_locks_agree_with_setup_py() -> None:
    pins = dict(re.findall(r'"([A-Za-z0-9_-]+)==([^"]+)"', (ROOT / "setup.py").read_text()))
    text = (ROOT / "requirements.lock").read_text() + (ROOT / "scripts/horovod.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, flags=re.MULTILINE))
    assert {name.lower(): version for name, version in pins.items()}.items() <= locked.items()
    for needed in (
        "pyspark",
        "torch",
        "transformers",
        "petastorm",
        "horovod",
        "pyarrow",
        "delta-spark",
    ):
        assert needed in pins
