"""Which refused rows tell of a user, whatever the mapping makes of a source's columns."""

from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nightshelf.config import EventSource, PrivacyConfig
from nightshelf.ingest.erased import digest_of, told_of, told_unread
from nightshelf.ingest.mapping import mapped_events
from nightshelf.ingest.pseudonyms import pseudonym_of, pseudonymiser
from nightshelf.literals import frame_of

ROWS = [
    ("7.0", "de", "a"), ("7", "fr", "b"), ("70", "de", "c"), ("shop_7", "de", "d"),
    (" 7 ", "de", "e"), (None, "de", "f"),
]  # fmt: skip
CAST = {"column": "own.id", "cast": "bigint"}


def source(user: Any) -> EventSource:
    return EventSource(
        format="csv",
        path="log.csv",
        constants={"event_type": "click"},
        columns={"user_id": user, "item_id": "item", "event_ts": "item"},
    )


OTHER = EventSource(
    format="csv",
    path="other.csv",
    constants={"event_type": "click", "user_id": "everyone"},
    columns={"event_ts": "at"},
)


def refused_of(spark: SparkSession, user: Any, known: str, privacy: PrivacyConfig) -> str:
    """The items of the rows that tell of the user, in order."""
    rows = frame_of(spark, ROWS, "`own.id` string, shop string, item string")
    told = {"_source_file": F.lit("log.csv"), "_source_day": F.lit(None).cast("date")}
    mapped = mapped_events(source(user), pseudonymiser(privacy))
    refused = rows.withColumns(told).transform(mapped)
    digest = digest_of(pseudonym_of(privacy, known) or known)
    found = refused.where(told_of([digest], [OTHER, source(user)])).select("item_id").collect()
    return "".join(sorted(row["item_id"] for row in found))


@pytest.mark.parametrize(
    ("user", "known", "items"),
    [
        ("own.id", " 7 ", "e"),
        (CAST, "7", "abe"),
        ({"column": "own.id", "split": "_", "part": 1}, "7", "bde"),
        ({"join": ["own.id", "shop"], "by": "-"}, "7.0-de", "a"),
    ],
)
def test_the_id_is_in_any_column_or_what_the_mapping_makes(
    spark: SparkSession, user: Any, known: str, items: str
) -> None:
    assert refused_of(spark, user, known, PrivacyConfig()) == items


def test_where_ids_are_pseudonyms_the_row_holds_nothing_else(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHELF_PSEUDONYM_KEY", "a key of some length")
    assert refused_of(spark, CAST, "7", PrivacyConfig(pseudonymise=True)) == "abe"


def test_a_row_that_is_no_json_tells_of_no_one(spark: SparkSession) -> None:
    rows = frame_of(spark, [(None,), ("7",), ('{"user": null}',)], "raw string")
    found = rows.select(told_of([digest_of("7")], [source("user")]).alias("told")).collect()
    assert [row["told"] for row in found] == [False] * 3


def test_a_row_that_cannot_be_read_keeps_no_text(spark: SparkSession) -> None:
    rows = frame_of(
        spark,
        [("1", "2026-11-24", None), ('"7,a', None, '"7,a'), ("b", "7", "b,7,1")],
        "user string, item string, _corrupt_record string",
    )
    told = {"_source_file": F.lit("log.csv"), "_source_day": F.lit(None).cast("date")}
    mapped = rows.withColumns(told).transform(mapped_events(source("user"))).collect()
    assert [(row["malformed"], row["raw"]) for row in mapped] == [
        (False, '{"user":"1","item":"2026-11-24"}'), (True, None), (True, None),
    ]  # fmt: skip
    assert len({row["source_row"] for row in mapped}) == 3


def test_texts_that_were_kept_once_are_found(spark: SparkSession) -> None:
    kept = [("malformed", '{"a": "7,b"}'), ("malformed", None), ("future", "{}")]
    rows = frame_of(spark, kept, "reason_code string, raw string")
    assert [row[0] for row in rows.select(told_unread()).collect()] == [True, False, False]
