"""A real cluster on this machine: Spark's standalone master with two workers, and an HDFS.

Jobs are run on it as they are on any cluster: by spark-submit, from what `make dist` built, with a
Python in which the project is not installed.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyspark
import pytest
from pyspark.sql import SparkSession

from nightshelf.config import load
from nightshelf.tables.files import Files
from tests.cluster.nights import Night, arguments, digests

ROOT = Path(__file__).resolve().parents[2]
SPARK_HOME = Path(pyspark.__file__).parent
LOOPBACK = "127.0.0.1"
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SECRET = "canary-7f3a9c51"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Ended:
    """How a run of spark-submit ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What the run told; spark-submit puts what Python writes to stderr on its own stdout."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith('{"')]

    @property
    def told(self) -> str:
        return self.out + self.err

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        return {line["step"]: line for line in self.lines if line["event"] == "step"}

    @property
    def errors(self) -> list[str]:
        return [line["event"] for line in self.lines if line["level"] == "error"]


@dataclass(frozen=True)
class Packages:
    """What `make dist` built."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "environment" / "bin" / "python3.11"

    @property
    def archive(self) -> Path:
        return self.folder / "environment.tar.gz"


@dataclass(frozen=True)
class Submit:
    """Runs scripts by spark-submit, from the packages alone."""

    packages: Packages
    folder: Path
    conf: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, script: str | Path, *arguments: str, **conf: str) -> list[str]:
        """`script`: a path, or the name of a job."""
        path = (
            script if isinstance(script, Path) else self.packages.folder / "jobs" / f"{script}.py"
        )
        settings = {
            "spark.pyspark.driver.python": str(self.packages.python),
            "spark.pyspark.python": str(self.packages.python),
            "spark.driver.host": LOOPBACK,
            "spark.driver.bindAddress": LOOPBACK,
            "spark.driver.memory": "1g",
            "spark.driver.extraJavaOptions": QUICK_START,
            "spark.ui.enabled": "false",
            "spark.sql.warehouse.dir": str(self.folder / "spark-warehouse"),
            **self.conf,
            **{name.replace("__", "."): value for name, value in conf.items()},
        }
        given = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        zipped = str(self.packages.folder / "nightshelf.zip")
        return [
            str(SPARK_HOME / "bin" / "spark-submit"), *given, "--py-files", zipped,
            str(path), *arguments,
        ]  # fmt: skip

    def start(self, script: str | Path, *arguments: str, **conf: str) -> "subprocess.Popen[str]":
        """The running process, which leads a group of its own."""
        return subprocess.Popen(
            self.command(script, *arguments, **conf),
            cwd=self.folder,
            env=bare_environment(
                SPARK_HOME=str(SPARK_HOME), SPARK_LOCAL_DIRS=str(self.folder), **self.environment
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, script: str | Path, *arguments: str, **conf: str) -> Ended:
        process = self.start(script, *arguments, **conf)
        try:
            out, err = process.communicate(timeout=1800)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        (self.folder / f"submit-{time.time_ns()}.log").write_text(f"{process.args}\n{out}\n{err}")
        return Ended(process.returncode, out, err)


def bare_environment(**more: str) -> dict[str, str]:
    """This process's, without what leads to the project or to this Python."""
    kept = ("PATH", "HOME", "LANG", "JAVA_HOME", "TMPDIR")
    return {**{name: os.environ[name] for name in kept if name in os.environ}, **more}


def security() -> dict[str, str]:
    """What conf/cluster.yaml says of who may see what."""
    told = load(ROOT / "conf" / "cluster.yaml").spark.conf
    names = ("authenticate", "network.crypto", "io.encryption", "acls", "ui", "redaction")
    return {key: told[key] for key in told if key.removeprefix("spark.").startswith(names)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], log: Path, ready: str, **environment: str
) -> Iterator[re.Match[str]]:
    """The process while the block runs, once its log says that it is ready."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            env=bare_environment(SPARK_HOME=str(SPARK_HOME), **environment),
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
        )
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(ready, log.read_text(errors="replace"))):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.1)
        yield found
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="session")
def packages() -> Packages:
    """`make dist`, with the libraries of a machine without a GPU; built again only where needed."""
    folder = Path(os.environ.get("DIST", ROOT / "build" / "cluster"))
    subprocess.run(
        [str(ROOT / "scripts" / "dist.sh"), "all", sys.executable],
        check=True, cwd=ROOT, env={**os.environ, "DIST": str(folder), "GPU": "no"},
    )  # fmt: skip
    return Packages(folder)


@dataclass(frozen=True)
class Standalone:
    """A running master; `folder` holds the logs and the workers' folders."""

    url: str
    folder: Path


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """A master and two workers of one core each, which only who has the secret may use."""
    folder = tmp_path_factory.mktemp("standalone")
    conf = folder / "spark.conf"
    conf.write_text("".join(f"{name} {value}\n" for name, value in security().items()))
    log4j = folder / "log4j2.properties"
    log4j.write_text(
        "rootLogger.level = info\nrootLogger.appenderRef.c.ref = c\n"
        "appender.c.type = Console\nappender.c.name = c\nappender.c.target = SYSTEM_ERR\n"
        "appender.c.layout.type = PatternLayout\nappender.c.layout.pattern = %p %c{1}: %m%n\n"
    )
    port = free_port()
    start = [str(SPARK_HOME / "bin" / "spark-class")]
    told = {
        "_SPARK_AUTH_SECRET": SECRET,
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_LOCAL_DIRS": str(folder),
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": f"-Dlog4j2.configurationFile={log4j} {QUICK_START}",
    }
    common = ["--host", LOOPBACK, "--webui-port", "0", "--properties-file"]
    with ExitStack() as stack:
        url = f"spark://{LOOPBACK}:{port}"
        master = [
            *start,
            "org.apache.spark.deploy.master.Master",
            *common,
            str(conf),
            "--port",
            str(port),
        ]
        stack.enter_context(running(master, folder / "master.log", "I have been elected", **told))
        for number in range(2):
            place = folder / f"worker-{number}"
            place.mkdir()
            gpus = folder / f"gpus-{number}.sh"  # what a machine with GPUs has from its vendor
            gpus.write_text(f"""echo '{{"name": "gpu", "addresses": ["{number + 2}"]}}'""")
            gpus.chmod(0o755)
            own = folder / f"worker-{number}.conf"
            own.write_text(
                f"{conf.read_text()}spark.worker.resource.gpu.amount 1\n"
                f"spark.worker.resource.gpu.discoveryScript {gpus}\n"
            )
            worker = [
                *start, "org.apache.spark.deploy.worker.Worker", *common, str(own), "--cores", "1",
                "--memory", "3g", "--work-dir", str(place), url,
            ]  # fmt: skip
            log = folder / f"worker-{number}.log"
            stack.enter_context(running(worker, log, "Successfully registered", **told))
        yield Standalone(url, folder)


@pytest.fixture(scope="session")
def cluster(
    packages: Packages, standalone: Standalone, tmp_path_factory: pytest.TempPathFactory
) -> Submit:
    """spark-submit to the standalone cluster, from a folder of its own."""
    events = tmp_path_factory.mktemp("event-logs")
    conf = {
        "spark.master": standalone.url,
        **security(),
        "spark.executor.memory": "1g",
        "spark.executor.cores": "1",
        "spark.executor.extraJavaOptions": QUICK_START,
        "spark.executorEnv.XDG_CACHE_HOME": ".cache",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": f"file://{events}",
        "spark.eventLog.compress": "false",
        "spark.jars": ",".join(map(str, sorted((packages.folder / "jars").glob("*.jar")))),
    }
    environment = {"_SPARK_AUTH_SECRET": SECRET, "SPARK_LOCAL_IP": LOOPBACK}
    return Submit(packages, tmp_path_factory.mktemp("submit"), conf, environment)


@pytest.fixture(scope="session")
def alone(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Submit:
    """spark-submit to local[2], by the same Python."""
    folder = tmp_path_factory.mktemp("alone")
    environment = {"XDG_CACHE_HOME": str(folder / "cache")}
    return Submit(packages, folder, {"spark.master": "local[2]"}, environment)


@pytest.fixture(scope="session")
def minicluster() -> list[Path]:
    """Hadoop's own mini cluster, of the version of Spark's client; fetched once into the cache."""
    want = Path(__file__).with_name("jars.sha256").read_text()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nightshelf" / "jars"
    jars = [cache / line.split()[1] for line in want.splitlines()]
    for jar in jars:
        if not jar.exists():
            fetch(jar, cache)
    subprocess.run(["sha256sum", "-c", "--status"], input=want, text=True, cwd=cache, check=True)
    return jars


def fetch(jar: Path, cache: Path) -> None:
    """A jar by its path below the cache: organisation/artifact-version.jar."""
    artifact, version = jar.stem.rsplit("-", 1)
    ivy = next((SPARK_HOME / "jars").glob("ivy-*.jar"))
    subprocess.run(
        [
            "java", "-jar", str(ivy), "-cache", str(cache / ".ivy"), "-notransitive",
            "-dependency", jar.parent.name, artifact, version, "-types", "jar",
            "-retrieve", f"{cache}/[organisation]/[artifact]-[revision].[ext]",
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    shutil.rmtree(cache / ".ivy")


def put(spark: SparkSession, file: Path, path: str) -> None:
    """Copies a file of this machine to a Hadoop file system."""
    java: Any = spark._jvm
    there = java.org.apache.hadoop.fs.Path(path)
    files = there.getFileSystem(spark._jsc.hadoopConfiguration())
    files.copyFromLocalFile(java.org.apache.hadoop.fs.Path(str(file)), there)


@dataclass(frozen=True)
class Hdfs:
    """A running HDFS: its URI, and a folder with its client's configuration."""

    uri: str
    conf: Path


@pytest.fixture(scope="session")
def hdfs(minicluster: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    """A name node and a data node on this machine."""
    folder = tmp_path_factory.mktemp("hdfs")
    port = free_port()
    jars = ":".join(map(str, [*minicluster, SPARK_HOME / "jars" / "*"]))
    command = [
        "java", "-Xmx512m", f"-Dtest.build.data={folder}", f"-Dhdfs.minidfs.basedir={folder}/dfs",
        "-Dlog4j2.level=INFO", "-cp", jars, "org.apache.hadoop.test.MiniDFSClusterManager",
        "-format", "-nnport", str(port), "-datanodes", "1",
        "-writeConfig", str(folder / "core-site.xml"),
        "-D", "dfs.replication=1", "-D", "dfs.namenode.fs-limits.min-block-size=1024",
    ]  # fmt: skip
    with running(command, folder / "hdfs.log", "Started MiniDFSCluster"):
        yield Hdfs(f"hdfs://{LOOPBACK}:{port}", folder)


@pytest.fixture(scope="session")
def local_night(
    spark: SparkSession, alone: Submit, tmp_path_factory: pytest.TempPathFactory
) -> Night:
    """On local[2], with the warehouse in files of this machine."""
    root = str(tmp_path_factory.mktemp("local") / "warehouse")
    ended = alone("nightly", *arguments(root))
    assert ended.code == 0, ended.told
    return Night(root, digests(spark, root))


@pytest.fixture(scope="session")
def cluster_night(
    spark: SparkSession, cluster: Submit, standalone: Standalone, packages: Packages, hdfs: Hdfs
) -> Night:
    """On the cluster, whose executors unpack their environment, with the warehouse on HDFS."""
    root, archive = f"{hdfs.uri}/warehouse", f"{hdfs.uri}/apps/environment.tar.gz"
    put(spark, packages.archive, archive)
    ended = cluster(
        "nightly", *arguments(root),
        spark__archives=f"{archive}#environment",
        spark__pyspark__python="./environment/bin/python3.11",
    )  # fmt: skip
    assert ended.code == 0, ended.told
    Files(spark).delete(archive)
    for unpacked in standalone.folder.glob("worker-*/app-*/*/environment"):
        shutil.rmtree(unpacked)  # 4 GB each
    assert ended.steps["train_ctr"]["decision"] == "promoted", ended.told
    assert ended.steps["train_text"]["status"] == "done", ended.told
    assert ended.steps["recommend"]["ranked_by"].startswith("dcn_v2-"), ended.told
    return Night(root, digests(spark, root))
