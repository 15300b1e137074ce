"""Where a shop's data lies and what its columns mean: described, not coded."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from nightshelf.config.section import Section, as_tuple, without_secrets


def _as_tuple_of_one(value: object) -> object:
    return (value,) if isinstance(value, dict) else as_tuple(value)


Strings = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
Scalar = str | int | float | bool | date

EventField = Literal[
    "user_id", "item_id", "event_type", "event_ts", "quantity", "price", "rating", "query",
    "position", "propensity", "session_id", "order_id", "title", "description", "category", "brand",
]  # fmt: skip
ItemField = Literal[
    "item_id", "valid_from", "title", "description", "category", "brand", "price", "stock",
    "launch_date", "delisted", "image_url",
]  # fmt: skip
UserField = Literal["user_id", "signup_date"]
ReviewField = Literal["item_id", "review_ts", "text", "title", "rating", "user_id"]
EventType = Literal["impression", "view", "click", "cart", "purchase", "rating", "search", "ignore"]


class ColumnSpec(Section):
    """A source column of which only a part, or another type, is wanted."""

    column: str
    split: str | None = None
    part: int = Field(0, ge=0)
    cast: Literal["bigint", "double", "date"] | None = None


class JoinedSpec(Section):
    """Source columns whose values make one together, such as a key of two parts."""

    join: Strings = Field(min_length=1)
    by: str = "|"


ColumnRef = str | ColumnSpec | JoinedSpec


class FileSource(Section):
    """One set of files, or one table, and the filter on its rows."""

    format: Literal["csv", "json", "parquet", "orc", "delta", "hive"]
    path: str | None = None
    table: str | None = None
    options: Annotated[dict[str, Scalar], AfterValidator(without_secrets)] = {}
    keep: dict[str, Strings] = {}
    timestamp_unit: Literal["s", "ms", "us", "iso"] = "iso"
    timestamp_format: str | None = None
    timezone: str = "UTC"

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        wanted, other = ("table", "path") if self.format == "hive" else ("path", "table")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            raise ValueError(f"a source of format {self.format} needs '{wanted}' and no '{other}'")
        return self


class EventSource(FileSource):
    """Events: `columns` says where each field is found, `constants` what all rows share."""

    columns: dict[EventField, ColumnRef]
    constants: dict[EventField, Scalar] = {}
    event_types: dict[str, EventType] = {}
    item_id_pattern: str | None = None
    cancellation_prefix: str | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        given = set(self.columns) | set(self.constants)
        missing = [name for name in ("user_id", "event_type", "event_ts") if name not in given]
        if missing:
            raise ValueError(
                f"no column or constant for {', '.join(missing)}: every event has a user, a type "
                "and a time"
            )
        twice = sorted(set(self.columns) & set(self.constants))
        if twice:
            raise ValueError(f"{', '.join(twice)} given both as a column and as a constant")
        return self


class ItemSource(FileSource):
    """Items: one row an item, or one a change where `valid_from` is mapped."""

    columns: dict[ItemField, ColumnRef]
    attributes: Strings = ()

    @model_validator(mode="after")
    def _has_an_id(self) -> Self:
        if "item_id" not in self.columns:
            raise ValueError("no column for item_id")
        return self


class UserSource(FileSource):
    """Users: one row a user."""

    columns: dict[UserField, ColumnRef]
    attributes: Strings = ()

    @model_validator(mode="after")
    def _has_an_id(self) -> Self:
        if "user_id" not in self.columns:
            raise ValueError("no column for user_id")
        return self


class ReviewSource(FileSource):
    """Reviews: one row a review."""

    columns: dict[ReviewField, ColumnRef]

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        missing = [name for name in ("item_id", "review_ts", "text") if name not in self.columns]
        if missing:
            raise ValueError(
                f"no column for {', '.join(missing)}: every review has an item, a time and a text"
            )
        return self


class Sources(Section):
    """The shop's own data; `{ds}` in a path means one file or folder a day."""

    root: str = Field(".", description="folder that relative source paths start from")
    events: Annotated[tuple[EventSource, ...], BeforeValidator(_as_tuple_of_one)] = Field(
        (), description="one source of events, or a list; none: the simulated shop"
    )
    items: Annotated[tuple[ItemSource, ...], BeforeValidator(_as_tuple_of_one)] = Field(
        (), description="sources of item texts and prices; none: what the events carry"
    )
    users: Annotated[tuple[UserSource, ...], BeforeValidator(_as_tuple_of_one)] = Field(
        (), description="sources of user attributes; none: users are known by their events"
    )
    reviews: Annotated[tuple[ReviewSource, ...], BeforeValidator(_as_tuple_of_one)] = Field(
        (), description="sources of what users wrote about items; none: no opinions are known"
    )

    def has(self, form: str) -> bool:
        """Whether any source is of that format."""
        every = (*self.events, *self.items, *self.users, *self.reviews)
        return any(source.format == form for source in every)
