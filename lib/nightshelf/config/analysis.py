"""The keys of what tells how a shop and its lists are doing."""

from pydantic import Field

from nightshelf.config.section import Section, Share


class BehaviourConfig(Section):
    enabled: bool = Field(True, description="whether nights tell what shoppers do")
    window_days: int = Field(
        28, ge=1, le=3_650, description="days up to ds that funnels, sessions and paths are of"
    )
    cohort_weeks: int = Field(12, ge=1, le=520, description="weeks whose new users are followed")
    drift_days: int = Field(
        30, ge=1, le=3_650, description="newest days of a user, whose categories are compared"
    )
    paths: int = Field(200, ge=1, description="most common steps between categories that are kept")
    basket_days: int = Field(
        365, ge=1, le=36_500, description="days up to ds whose baskets tell what goes together"
    )
    basket_least: int = Field(5, ge=2, description="fewest baskets that hold both sides of a rule")
    basket_confidence: Share = Field(
        0.1, description="least share of the baskets with the one side that hold the other"
    )
    basket_rules: int = Field(500, ge=1, description="best rules that are kept")


class DriftConfig(Section):
    enabled: bool = Field(True, description="whether nights tell how far their inputs have moved")
    reference_days: int = Field(
        7, ge=1, le=365, description="days back to the features that those of ds are compared with"
    )
    keys: int = Field(
        20_000, ge=100, description="users and items of each day, about, by whom features are"
    )
    max_psi: float | None = Field(
        None, gt=0, description="largest PSI of a number among the features; null: any"
    )
    max_divergence: Share | None = Field(
        None, description="largest divergence of a category among the features; null: any"
    )
    max_change: float | None = Field(
        None,
        gt=0,
        description="largest relative change of a type's events and of a label's rate; null: any",
    )
