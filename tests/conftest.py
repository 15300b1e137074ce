"""What every test shares: one Spark session, and the real data sets where they are present."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshelf.config import SparkConfig
from nightshelf.session import build

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """local[2] with Delta, UTC and four shuffle partitions."""
    warehouse = tmp_path_factory.mktemp("spark-warehouse")
    session = build(
        SparkConfig(
            master="local[2]",
            driver_memory="2g",
            shuffle_partitions=4,
            conf={"spark.sql.warehouse.dir": str(warehouse)},
        ),
        "tests",
    )
    yield session
    session.stop()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the checkout; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real data sets in ../shared/data")
    return folder
