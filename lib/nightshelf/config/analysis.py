"""The keys of what tells how a shop and its lists are doing."""

from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field

from nightshelf.config.section import ActiveType, Section, Share, as_tuple
from nightshelf.config.sources import Strings


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
    basket_share: Share = Field(
        1e-5, description="least share of the baskets that hold both, where that is more"
    )
    basket_confidence: Share = Field(
        0.1, description="least share of the baskets with the one side that hold the other"
    )
    basket_rules: int = Field(500, ge=1, description="best rules that are kept")


class DriftConfig(Section):
    enabled: bool = Field(True, description="whether nights tell how far their inputs have moved")
    reference_days: int = Field(
        7,
        ge=1,
        le=30,
        description="days back to the features that those of ds are compared with; at most the 30 "
        "that Delta's log tells of",
    )
    since: date | None = Field(
        None,
        description="day of a change that is to stay: it passes; later days are measured by it",
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
    max_unseen: Share | None = Field(
        None,
        description="largest share of users or items with a value of a category that none had "
        "before, but for their own names; null: any",
    )
    max_change: float | None = Field(
        None,
        gt=0,
        description="largest relative change of a type's events and of a label's rate; null: any",
    )


class EvaluateConfig(Section):
    ks: Annotated[tuple[int, ...], BeforeValidator(as_tuple)] = Field(
        (5, 10, 20), min_length=1, description="list lengths at which lists are judged"
    )
    horizon_days: int = Field(
        7, ge=1, le=365, description="days after ds whose events judge the lists of ds"
    )
    event_types: Annotated[tuple[ActiveType, ...], BeforeValidator(as_tuple)] = Field(
        ("click", "cart", "purchase", "rating"),
        min_length=1,
        description="events that make an item relevant",
    )
    attributes: Strings = Field(
        ("device",), description="attributes of users by whose values lists are judged apart"
    )
    categories: int = Field(
        10, ge=0, description="best-loved categories whose users are judged apart"
    )
    replicates: int = Field(
        1_000, ge=100, le=100_000, description="draws of the bootstrap behind each interval"
    )
    scored_rows: int = Field(
        20_000_000, ge=1_000, description="rows of lists, about, by which scores are judged"
    )
    min_propensity: Share = Field(
        0.001, gt=0, description="smaller probabilities of an impression are taken as this"
    )
    max_fall: Share | None = Field(
        0.5,
        description="largest fall of our lists' nDCG below its median of the week before, as a "
        "share of it; null: any",
    )

    @property
    def shown_k(self) -> int:
        """The length at which lists are shown side by side: the middle one of `ks`."""
        return self.ks[len(self.ks) // 2]
