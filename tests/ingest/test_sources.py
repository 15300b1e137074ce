"""Every format is read; what is missing or broken is named."""

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from nightshelf.config import ColumnSpec, FileSource, JoinedSpec
from nightshelf.errors import DataQualityError, MissingInputError
from nightshelf.ingest.references import value
from nightshelf.ingest.sources import CORRUPT, Reader
from nightshelf.literals import frame_of
from nightshelf.runs.failures import explained

DS = date(2026, 11, 24)
ROWS = "select '1' user, 'a' item union all select '2', 'b'"


def read(spark: SparkSession, folder: Path, source: FileSource, *wanted: str) -> DataFrame:
    return Reader(spark, str(folder), None, DS).read(source, "sources.events.0", wanted)


def pairs(frame: DataFrame) -> list[tuple[str, str]]:
    return sorted((str(r["user"]), str(r["item"])) for r in frame.collect())


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "orc", "delta"])
def test_every_format(spark: SparkSession, tmp_path: Path, form: str) -> None:
    options = {"header": "true"} if form == "csv" else {}
    spark.sql(ROWS).write.format(form).options(**options).save(str(tmp_path / "log"))
    source = FileSource(format=form, path="log", options=options)
    frame = read(spark, tmp_path, source, "user", "item")
    assert pairs(frame) == [("1", "a"), ("2", "b")]
    assert all(r["_source_file"].startswith("part-") for r in frame.collect())


@pytest.mark.long
def test_a_hive_table(spark: SparkSession, tmp_path: Path) -> None:
    spark.sql("CREATE DATABASE IF NOT EXISTS shop")
    spark.sql(ROWS).write.mode("overwrite").format("parquet").saveAsTable("shop.log")
    try:
        source = FileSource(format="hive", table="shop.log")
        assert pairs(read(spark, tmp_path, source, "user")) == [("1", "a"), ("2", "b")]
        with pytest.raises(MissingInputError, match=r"no table shop\.absent in the metastore"):
            read(spark, tmp_path, FileSource(format="hive", table="shop.absent"))
    finally:
        spark.sql("DROP DATABASE shop CASCADE")


def test_a_folder_of_daily_compressed_files(spark: SparkSession, tmp_path: Path) -> None:
    for day in ("2026-11-22", "2026-11-24", "2026-11-25", "notes"):
        with gzip.open(tmp_path / f"log-{day}.csv.gz", "wt") as file:
            file.write(f"user,item\n{day},a\n")
    source = FileSource(format="csv", path="log-{ds}.csv.gz", options={"header": True})
    assert pairs(read(spark, tmp_path, source)) == [("2026-11-22", "a"), ("2026-11-24", "a")]
    window = Reader(spark, str(tmp_path), date(2026, 11, 23), DS)
    assert pairs(window.read(source, "x", ["user"])) == [("2026-11-24", "a")]


@pytest.mark.parametrize("path", ["{ds}/log.csv", "log {ds}/*.csv", "{ds}/log/*-{ds}.csv"])
def test_the_day_in_a_folder_s_name(spark: SparkSession, tmp_path: Path, path: str) -> None:
    for day in ("2026-11-22", "2026-11-24", "2026-11-25"):
        file = tmp_path / path.format(ds=day).replace("*", "1")
        file.parent.mkdir(parents=True)
        file.write_text(f"user,item\n{day},a\n")
    source = FileSource(format="csv", path=path, options={"header": True})
    frame = Reader(spark, str(tmp_path), None, DS).read(source, "x", ["user"], needed=DS)
    told = sorted((r["user"], str(r["_source_day"])) for r in frame.collect())
    assert told == [(day, day) for day in ("2026-11-22", "2026-11-24")]


def test_columns_added_or_moved_in_one_file_stay_in_place(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "1.csv").write_text("user,item\n1,a\n")
    (tmp_path / "2.csv").write_text("item,colour,user\nb,red,2\n")
    frame = read(spark, tmp_path, FileSource(format="csv", path="*.csv", options={"header": True}))
    assert pairs(frame) == [("1", "a"), ("2", "b")]
    assert sorted(str(r["colour"]) for r in frame.collect()) == ["None", "red"]


def test_a_row_cut_off_is_marked(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,price\n1,a,2.5\n2,b")
    source = FileSource(format="csv", path="log.csv", options={"header": True})
    told = {r["user"]: r[CORRUPT] for r in read(spark, tmp_path, source).collect()}
    assert told == {"1": None, "2": "2,b"}


def test_keep_filters_rows(spark: SparkSession, tmp_path: Path) -> None:
    spark.sql(ROWS).write.parquet(str(tmp_path / "log"))
    source = FileSource(format="parquet", path="log", keep={"user": ("2", "3")})
    assert pairs(read(spark, tmp_path, source)) == [("2", "b")]


def test_a_row_cut_off_before_what_keep_asks_for_is_not_lost(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "log.csv").write_text("user,item,site\n1,a,de\n2,b,fr\n3,c\n")
    options = {"header": True}
    source = FileSource(format="csv", path="log.csv", options=options, keep={"site": ("de",)})
    told = {r["user"]: r[CORRUPT] for r in read(spark, tmp_path, source).collect()}
    assert told == {"1": None, "3": "3,c"}


def test_a_column_s_name_may_hold_any_letter(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("a.user,`site`\n1,de\n2,fr\n")
    keep = {"`site`": ("de",)}
    source = FileSource(format="csv", path="log.csv", options={"header": True}, keep=keep)
    rows = read(spark, tmp_path, source, "a.user", "`site`")
    assert rows.select(value("a.user"), value("`site`")).collect() == [("1", "de")]


def test_files_without_a_letter_are_a_missing_input(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("")
    source = FileSource(format="csv", path="log.csv", options={"header": True})
    with pytest.raises(MissingInputError, match=r"sources\.events\.0: every file at .*log\.csv is"):
        read(spark, tmp_path, source)


def test_a_missing_column_is_named_with_its_file(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("user,item\n1,a\n")
    (tmp_path / "2.csv").write_text("user\n1\n")
    source = FileSource(format="csv", path="*.csv", options={"header": True})
    told = r"sources\.events\.0: the column 'item' is missing from file:.*/2\.csv; found: user;"
    with pytest.raises(DataQualityError, match=told):
        read(spark, tmp_path, source, "user", "item")


def test_no_file_is_a_missing_input(spark: SparkSession, tmp_path: Path) -> None:
    source = FileSource(format="csv", path="log-{ds}.csv")
    with pytest.raises(MissingInputError, match=r"nothing at .*log-\{ds\}\.csv for days"):
        read(spark, tmp_path, source)


def damaged_parquet(spark: SparkSession, folder: Path) -> Path:
    spark.range(10_000).selectExpr("id user", "id item").write.parquet(str(folder / "log"))
    part = next((folder / "log").glob("part-*"))
    part.write_bytes(part.read_bytes()[:-40])
    (folder / "log" / f".{part.name}.crc").unlink()
    return part


def damaged_gzip(spark: SparkSession, folder: Path) -> Path:
    path = folder / "log"
    path.mkdir()
    whole = gzip.compress(b"user,item\n" + b"".join(b"%d,a\n" % n for n in range(50_000)))
    (path / "1.csv.gz").write_bytes(whole[: len(whole) // 2])
    return path / "1.csv.gz"


@pytest.mark.parametrize(("form", "damaged"), [("parquet", damaged_parquet), ("csv", damaged_gzip)])
def test_a_truncated_file_is_named(
    spark: SparkSession, tmp_path: Path, form: str, damaged: Callable[[SparkSession, Path], Path]
) -> None:
    part = damaged(spark, tmp_path)
    source = FileSource(format=form, path="log", options={"header": True})
    with pytest.raises(Exception, match=r"\w") as caught:
        read(spark, tmp_path, source).collect()
    told = explained(caught.value)
    assert isinstance(told, DataQualityError)
    assert part.name in str(told)
    assert "\n" not in str(told)


def test_columns_joined(spark: SparkSession) -> None:
    rows = frame_of(spark, [("a", 1), ("a", None)], "x string, y int")
    told = rows.select(value(JoinedSpec(join=("x", "y"), by="-")).alias("z")).collect()
    assert [row["z"] for row in told] == ["a-1", None]


@pytest.mark.parametrize(
    ("spec", "given", "expected"),
    [
        (ColumnSpec(column="x", cast="bigint"), "17850.0", "17850"),
        (ColumnSpec(column="x", cast="bigint"), "9007199254740993", "9007199254740993"),
        (ColumnSpec(column="x", cast="bigint"), "abc", None),
        (ColumnSpec(column="x", split="_", part=1), "204969_86551", "86551"),
        (ColumnSpec(column="x", split="_", part=1), "204969", None),
        (ColumnSpec(column="x", split="|"), "Drama|War", "Drama"),
    ],
)
def test_parts_of_columns(
    spark: SparkSession, spec: ColumnSpec, given: str, expected: str | None
) -> None:
    row = frame_of(spark, [(given,)], "x string").select(value(spec).alias("y")).collect()[0]
    assert row["y"] == expected
