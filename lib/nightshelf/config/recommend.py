"""Keys of the lists: where candidates come from, how they are ranked, what may be shown again."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from nightshelf.config.section import ActiveType, Section, Share, as_tuple
from nightshelf.config.sources import Strings


class RecommendConfig(Section):
    k: int = Field(20, ge=1, le=1_000, description="items in each list")
    recent_items: int = Field(
        30, ge=1, description="newest items of a user whose neighbours are candidates"
    )
    candidates: int = Field(
        200, ge=1, description="best neighbours of a user's recent items that are considered"
    )
    half_life_days: float | None = Field(
        30.0, gt=0, description="age at which a recent item counts half as a seed; null: no decay"
    )
    trending_half_life_days: float | None = Field(
        14.0, gt=0, description="age at which an event counts half for a trend; null: no decay"
    )
    trending_days: int = Field(7, ge=1, description="an item is 'popular this week' if so recent")
    top_categories: int = Field(
        3, ge=0, description="best-loved categories of a user whose trending items are candidates"
    )
    per_category: int = Field(30, ge=1, description="trending items taken from each category")
    category_weight: float = Field(
        0.3, ge=0, description="weight of a category's trend beside item-CF, whose weight is 1"
    )
    user_cf_weight: float = Field(
        0.3, ge=0, description="weight of what similar users want likewise; 0: left out"
    )
    two_tower_weight: float = Field(
        0.3, ge=0, description="weight of what the two towers find likewise; 0: left out"
    )
    text_weight: float = Field(
        0.1, ge=0, description="weight of items of similar texts likewise; 0: left out"
    )
    trending_weight: float = Field(0.1, ge=0, description="weight of the shop's trend likewise")
    pool: int = Field(
        200,
        ge=1,
        description="best candidates of a user that the model scores; never fewer than k",
    )
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="in which the model scores; bf16 where processors multiply it faster"
    )
    model_weight: Share = Field(
        1.0,
        description="score = probability^w * (blend / best blend)^(1 - w); 1: probability alone",
    )
    explain: int = Field(
        0,
        ge=0,
        le=100,
        description="features named for each row, those that raise its probability most; 0: none",
    )
    diversity: Share = Field(
        0.0,
        description="weight of being unlike the list so far, against score (MMR); 0: score alone",
    )
    bought_types: Annotated[tuple[ActiveType, ...], BeforeValidator(as_tuple)] = Field(
        ("purchase",), description="events after which a user has the item"
    )
    repeatable: bool = Field(False, description="bought items may be shown again")
    repeatable_categories: Strings = Field(
        (), description="categories (or the path above them) whose bought items may be shown again"
    )
