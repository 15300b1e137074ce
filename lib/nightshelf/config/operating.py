"""The keys of running it every night: what holds a publish back, and what is cleaned up."""

from pydantic import Field

from nightshelf.config.section import Section, Share


class AuditsConfig(Section):
    days: int = Field(
        7,
        ge=3,
        le=30,
        description="last days before ds with rows, whose median is the usual number; at most the "
        "30 that Delta's log tells of",
    )
    min_rows_share: float | None = Field(
        0.5, ge=0, description="least rows over that median; null: any"
    )
    max_rows_share: float | None = Field(
        2.0, gt=0, description="most rows over that median; null: any"
    )
    min_users_covered: Share | None = Field(
        0.99, description="least share of the users known who have a list; null: any"
    )
    max_fallback: Share | None = Field(
        0.95, description="largest share of rows that are the same for everyone; null: any"
    )
    min_catalogue_coverage: Share | None = Field(
        0.005, description="least share of the items on sale that are on any list; null: any"
    )
    min_overlap: Share | None = Field(
        0.02, description="least mean share of a list that was on the newest before it; null: any"
    )
    max_score_psi: float | None = Field(
        1.0,
        gt=0,
        description="largest PSI of scores against those of the newest lists before; null: any",
    )
    overlap_users: int = Field(
        20_000, ge=1, description="users, about, by whom the overlap is measured"
    )
    max_delisted: Share | None = Field(
        0.5,
        description="largest share of the items on sale that may go at once from a source of items "
        "that tells no days; null: any",
    )
    min_day_events: Share | None = Field(
        None,
        description="least share of the median day's events that ds may have; null: a day without "
        "any is a warning",
    )


class MaintenanceConfig(Section):
    vacuum_days: int = Field(
        30, ge=7, description="days for which replaced versions of a table can be read"
    )
    quarantine_days: int | None = Field(
        90, ge=1, description="days up to ds whose refused rows are kept; null: all"
    )
    history_days: int | None = Field(
        400,
        ge=7,
        description="days of users, lists, features and samples that are kept, more than "
        "evaluate.horizon_days and drift.reference_days; null: all",
    )
    model_days: int | None = Field(
        30, ge=1, description="days for which a model that is used no more is kept; null: for ever"
    )
    small_file_mb: int = Field(
        32,
        ge=1,
        le=1_024,
        description="smaller files of a table without a folder a day are brought together",
    )
