"""Paths with a day in them: `{ds}` in a pattern stands for each day's date."""

import re
from datetime import date
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

DAY: Final = "{ds}"
SOURCE_FILE: Final = "_source_file"
SOURCE_DAY: Final = "_source_day"


def day_of(entry: str, pattern: str) -> date | None:
    """The day that a file's or folder's path tells where the pattern has {ds}."""
    match = re.search(_day_in(pattern), entry)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def file_columns(pattern: str) -> dict[str, Column]:
    """The name of a row's file, and the day that its path tells where the pattern has {ds}."""
    day = F.lit(None).cast("date")
    if DAY in pattern:
        day = F.to_date(F.regexp_extract(F.col("_metadata.file_path"), _day_in(pattern), 1))
    return {SOURCE_FILE: F.col("_metadata.file_name"), SOURCE_DAY: day}


def _day_in(pattern: str) -> str:
    """A regular expression of the paths at and below the pattern; its first group is the day.

    Spark tells paths URL-encoded: what may be written otherwise there matches anything.
    """
    # What comes before the folder with the day may be told in full, or by links.
    told = pattern[pattern.rfind("/", 0, pattern.index(DAY)) + 1 :]
    before, *after = (
        "[^/]*".join(map(re.escape, re.split(r"[^a-zA-Z0-9_./-]+", part)))
        for part in told.split(DAY)
    )
    return rf"^.*/{before}(\d{{4}}-\d{{2}}-\d{{2}})" + r"(?:\1)".join(after) + "(/.*)?$"
