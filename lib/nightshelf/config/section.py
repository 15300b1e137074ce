"""The base of every part of the configuration."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ActiveType = Literal["view", "click", "cart", "purchase", "rating"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


def as_tuple(value: object) -> object:
    """A list as a tuple, anything else as it is: YAML has no tuples."""
    return tuple(value) if isinstance(value, list) else value


class Section(BaseModel):
    """Frozen, strictly typed, closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_default=True, allow_inf_nan=False
    )
