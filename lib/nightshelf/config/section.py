"""The base of every part of the configuration."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

ActiveType = Literal["view", "click", "cart", "purchase", "rating"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Settings = TypeVar("Settings", bound=Mapping[str, object])

_SECRET = re.compile(
    r"(?:secret|secret[._]?key|access[._]?key|private[._]?key|encryption\.key(?:\.list)?|"
    r"account[._]key(?:\.[\w.-]+)?|storage_key|Env\.\w*pseudonym_key|client\.secret\.[\w.-]+|"
    r"azure\.sas\.(?!token\.provider)[\w.-]+|password|passphrase|"
    r"(?:session|access|refresh|bearer|sas)[._]token)$",
    re.IGNORECASE,
)
"""Ends of the names of settings of Spark and Hadoop, and of variables, whose values are secrets."""
_REFERENCE = ".secretKeyRef."
"""In the names of those whose values say where Kubernetes keeps the secret."""


def as_tuple(value: object) -> object:
    """A list as a tuple, anything else as it is: YAML has no tuples."""
    return tuple(value) if isinstance(value, list) else value


def without_secrets(settings: Settings) -> Settings:
    """The settings as they are: a config is read by many, printed, recorded and kept in git.

    Raises ValueError where the name of one says that its value is a secret.
    """
    for name in settings:
        if _SECRET.search(name) and _REFERENCE not in name:
            raise ValueError(
                f"{name} holds a secret, which no config does: give it by the environment or a "
                "credential provider; docs/cluster.md says how"
            )
    return settings


class Section(BaseModel):
    """Frozen, strictly typed, closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_default=True, allow_inf_nan=False
    )
