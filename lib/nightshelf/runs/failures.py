"""Turns what Spark, Delta and Hadoop raise into one line and an exit code."""

import re
from typing import Final

from nightshelf.errors import (
    ConfigError,
    DataQualityError,
    NightshelfError,
    RetryLaterError,
    refused_access,
    short_line,
    told_elsewhere,
)

_OURS: Final = re.compile(r"^nightshelf\.errors\.(\w+): (.+)$", re.MULTILINE)
_UNREADABLE: Final = re.compile(
    r"(?:Encountered error while reading file|Could not read footer for file:?|"
    r"Could not read footer: .*?|error while reading file|Malformed ORC file|"
    r"Failed to open)\s+((?:file|hdfs|s3a|abfss?|gs|wasbs?):[^\s,;]+)"
)
_CONCURRENT: Final = re.compile(
    r"DELTA_CONCURRENT_\w+|Concurrent(?:Append|DeleteRead|DeleteDelete|Transaction|Write)Exception"
)
_TRANSIENT: Final = re.compile(
    r"ConnectException|Connect(?:ion)?Timeout|Socket(?:Timeout)?Exception|NoRouteToHostException|"
    # Also of a name that is wrong: tries are counted, and the line says which.
    r"UnknownHostException|NoHttpResponseException|"
    r"SafeModeException|StandbyException|RetriableException|"
    r"SlowDown|Service ?Unavailable|AWSStatus50\d|AWSServiceThrottled|"
    r"AWS Error (?:NETWORK|SLOW_DOWN|SERVICE_UNAVAILABLE|REQUEST_TIMEOUT|INTERNAL_FAILURE)"
)
_TOO_MUCH: Final = re.compile(r"is bigger than spark\.driver\.maxResultSize \(([^)]*)\)")
_GONE: Final = re.compile(r"FILE_NOT_EXIST|FileNotFoundException|File does not exist")


def explained(error: Exception) -> NightshelfError | None:
    """The error as the operator should read it; None where it is a bug of ours."""
    if isinstance(error, NightshelfError):
        return error
    text = str(error)
    ours = _OURS.search(text)
    if ours:
        # Raised in a task: Spark tells it as the last line of a Python traceback.
        return told_elsewhere(ours[1], ours[2])
    if _CONCURRENT.search(text):
        return RetryLaterError(
            f"another writer changed the same table meanwhile; run again ({short_line(error)})"
        )
    refused = refused_access(error)
    if refused:
        return refused
    if _TRANSIENT.search(text):
        return RetryLaterError(f"storage did not answer; run again ({short_line(error)})")
    too_much = _TOO_MUCH.search(text)
    if too_much:
        return ConfigError(
            f"more rows come to the driver at once than spark.driver.maxResultSize ({too_much[1]}) "
            "lets it take; raise it in spark.conf, and spark.driver_memory with it"
        )
    unreadable = _UNREADABLE.search(text)
    if unreadable and _GONE.search(text):
        return RetryLaterError(
            f"{unreadable[1].rstrip('.')}: the file was taken away while it was read; run again"
        )
    if unreadable:
        return DataQualityError(
            f"{unreadable[1].rstrip('.')}: the file cannot be read: it is truncated or not of the "
            "format that the source names; deliver it again, or take it out of the folder"
        )
    return None
