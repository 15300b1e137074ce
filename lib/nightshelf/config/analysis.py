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
