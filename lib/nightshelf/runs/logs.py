"""What a run tells on the way: plain lines for a terminal, JSON lines for machines, on stderr."""

import logging
import sys
import warnings
from textwrap import fill
from typing import Any, Final, Literal

import structlog
from structlog.types import EventDict, WrappedLogger

Format = Literal["auto", "plain", "json"]
_HIDDEN_IN_PLAIN: Final = {"level", "timestamp", "run_id", "job", "ds", "event"}
_STEP: Final = {"step", "status", "rows_in", "rows_out", "seconds", "why"}
_WIDTH: Final = 100


def configure(format: Format, level: str) -> None:
    """Sets up structlog for this process. `auto` is plain on a terminal and JSON elsewhere."""
    plain = format == "plain" or (format == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _plain if plain else structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Spark's own Python side and its gateway log to the standard library's root.
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    logging.getLogger("pyspark").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")


def logger() -> Any:
    """The process's logger; values bound to the run (job, ds, run_id) are added to each line."""
    return structlog.get_logger()


def _plain(_: WrappedLogger, __: str, event: EventDict) -> str:
    if event["event"] == "step":
        return _step_line(event)
    told = _pairs(event)
    level = event["level"]
    prefix = "" if level == "info" else f"{level}: "
    return f"{prefix}{event['event']}{'  ' + told if told else ''}"


def _step_line(event: EventDict) -> str:
    name = f"{event['step']:<16}"
    if event["status"] == "skipped":
        return f"{name} skipped: {event['why']}"
    line = (
        f"{name} {event['rows_in']:>12,} rows in {event['rows_out']:>12,} rows out "
        f"{event['seconds']:>8.1f} s{'  (dry run)' if event['status'] == 'dry-run' else ''}"
    )
    indent = " " * (len(name) + 1)
    told = fill(
        _pairs({k: v for k, v in event.items() if k not in _STEP}),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(filter(None, (line, told)))


def _pairs(event: EventDict) -> str:
    return " ".join(f"{k}={_number(v)}" for k, v in event.items() if k not in _HIDDEN_IN_PLAIN)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
