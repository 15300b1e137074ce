"""One error type for each kind of mistake; each carries the exit code that a scheduler acts on.

Codes follow sysexits.h: 64 usage, 65 data, 66 no input, 70 software, 75 temporary failure. A
message is one line: what is wrong, where, what was expected, what was found, what to do next.
"""

import re
from typing import ClassVar, Final

EXIT_OK: Final = 0
EXIT_BUG: Final = 70


class NightshelfError(Exception):
    """Something that the operator can act on, told in one line."""

    exit_code: ClassVar[int] = EXIT_BUG


class ConfigError(NightshelfError):
    """Wrong arguments or configuration."""

    exit_code = 64


class DataQualityError(NightshelfError):
    """A data-quality gate held the result back; nothing was published."""

    exit_code = 65


class MissingInputError(NightshelfError):
    """An input that the step needs is not there."""

    exit_code = 66


class RetryLaterError(NightshelfError):
    """Trying again later may work: a lock is held, or storage failed for a moment."""

    exit_code = 75


_REFUSED: Final = re.compile(
    r"ACCESS_DENIED|Access ?Denied|AccessControlException|Permission ?denied|InvalidAccessKeyId"
)


def refused_access(error: BaseException, where: str = "storage") -> ConfigError | None:
    """What to tell where storage answers that this user may not; None for any other failure."""
    if not isinstance(error, PermissionError) and not _REFUSED.search(str(error)):
        return None
    return ConfigError(
        f"{where}: access is refused; give the job's user the right, or set other credentials "
        f"({short_line(error)})"
    )


def first_line(error: BaseException) -> str:
    """What an error says, or its kind where it says nothing."""
    told = str(error).strip()
    return told.splitlines()[0].rstrip() if told else type(error).__name__


def short_line(error: BaseException) -> str:
    """Its `first_line`, cut to 200 letters: what Spark and storage say can be a page long."""
    told = first_line(error)
    return told if len(told) <= 200 else told[:197] + "..."


def told_elsewhere(kind: str, message: str) -> NightshelfError:
    """The error that another process told by the name of its class and what it says."""
    kinds = {found.__name__: found for found in NightshelfError.__subclasses__()}
    return kinds.get(kind, NightshelfError)(message)
