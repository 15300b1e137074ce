"""Keys of what is read, what of it is refused, and whose ids are hidden."""

from datetime import date
from typing import Literal

from pydantic import Field

from nightshelf.config.section import Section, Share

ReasonCode = Literal[
    "malformed", "missing_user", "unknown_type", "ignored_type", "missing_item", "bad_time",
    "before_shop", "future", "non_product", "bad_quantity", "bad_price", "bad_rating",
    "bad_position", "bad_propensity", "duplicate", "robot", "return", "return_unmatched",
    "cancelled",
]  # fmt: skip


class IngestConfig(Section):
    first_day: date = Field(
        date(1995, 1, 1), description="the shop's first day; earlier events are refused"
    )
    window_days: int | None = Field(
        None, ge=1, description="days read again each night for late events; null: all history"
    )
    max_price: float = Field(1_000_000.0, gt=0, description="a higher price is absurd")
    robot_daily_events: int = Field(
        2_000, ge=1, description="more events of a user on one day mark a robot's day"
    )
    session_gap_minutes: int = Field(
        30, ge=1, description="a longer pause starts a new session where the source has none"
    )
    quarantine_limit: Share = Field(
        0.05, description="largest share of rows refused as faulty before the run is stopped"
    )
    accept_new_schema: bool = Field(
        False, description="goes on where a source's columns are not those of the last run"
    )
    accept_missing_day: bool = Field(
        False,
        description="goes on where a source of events that tells the day in its path has "
        "nothing of ds",
    )
    quarantine_limits: dict[ReasonCode, Share] = Field(
        {}, description="own limits by reason code, such as {missing_user: 0.3}"
    )


class PrivacyConfig(Section):
    pseudonymise: bool = Field(False, description="replace user ids by HMAC-SHA256 pseudonyms")
    key_env: str = Field(
        "NIGHTSHELF_PSEUDONYM_KEY",
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="environment variable that holds the pseudonym key",
    )
    accept_new_key: bool = Field(
        False, description="goes on with another key than before, to which all users are strangers"
    )
    accept_lost_erasures: bool = Field(
        False,
        description="goes on with a new key where users were erased, who are back unless they "
        "were erased again under it",
    )
