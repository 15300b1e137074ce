"""The tables' names in a metastore: <database>.<layer>_<table>."""

from pyspark.sql import SparkSession

from nightshelf.errors import ConfigError
from nightshelf.tables.contract import Table
from nightshelf.tables.files import Files


def check_name(spark: SparkSession, files: Files, database: str, table: Table, path: str) -> None:
    """Raises ConfigError where the name leads readers to other files than those at `path`."""
    name = _name(database, table)
    if not spark.catalog.tableExists(name):
        return
    told = spark.sql(f"DESCRIBE TABLE EXTENDED {name}").where("col_name = 'Location'").first()
    found = str(told["data_type"]) if told else None
    if found is None or files.qualified(found) != path:
        raise ConfigError(
            f"warehouse.metastore_database: {name} names the table at {found}, and this one is at "
            f"{path}: who reads by name would get the other; drop the name (DROP TABLE leaves the "
            "files where they are), or set another database"
        )


def register(spark: SparkSession, database: str, table: Table, path: str) -> None:
    """Makes the table known by its name, where it is not yet."""
    spark.sql(f"CREATE DATABASE IF NOT EXISTS `{database}`")
    spark.sql(f"CREATE TABLE IF NOT EXISTS {_name(database, table)} USING DELTA LOCATION '{path}'")


def _name(database: str, table: Table) -> str:
    return f"`{database}`.`{table.name.replace('.', '_')}`"
