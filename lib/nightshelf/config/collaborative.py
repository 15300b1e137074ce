"""Keys of collaborative filtering: what events weigh, and whose likeness counts."""

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator

from nightshelf.config.section import ActiveType, Section


class FeedbackConfig(Section):
    weights: dict[str, Annotated[float, Field(ge=0.0, le=1000.0)]] = Field(
        {"view": 1.0, "click": 1.0, "cart": 3.0, "purchase": 5.0, "rating": 1.0},
        description="how strongly an event of each type speaks for its item; 0 or absent: not",
    )
    positive_rating: float = Field(4.0, description="a rating from here on is a positive")

    @field_validator("weights")
    @classmethod
    def _known_types(cls, weights: dict[str, float]) -> dict[str, float]:
        known = get_args(ActiveType)
        for kind in weights:
            if kind not in known:
                raise ValueError(f"no event type '{kind}' here; expected {', '.join(known)}")
        return weights


class ItemCfConfig(Section):
    similarity: Literal["cosine", "tfidf", "bm25", "jaccard", "ease", "auto"] = Field(
        "cosine",
        description="how alike two items are: by the users who wanted both; auto: what is best for "
        "the days of evaluate.horizon_days up to ds",
    )
    auto_events: int = Field(
        2_000_000, ge=1, description="auto judges by whole users with about so many events"
    )
    k: int = Field(50, ge=1, le=10_000, description="neighbours kept for each item")
    half_life_days: float | None = Field(
        60.0, gt=0, description="age at which an event counts half; null: no decay"
    )
    max_items_per_user: int = Field(
        500, ge=1, description="only the newest so many items of a user count"
    )
    min_co_users: int = Field(2, ge=1, description="fewest users that two neighbours share")
    shrinkage: float = Field(
        10.0, ge=0, description="similarity is multiplied by n / (n + shrinkage), n the co-users"
    )
    blocks: int | None = Field(
        None, ge=1, description="parts in which the items are worked on; null: one a core"
    )
    ease_items: int = Field(
        6_000, ge=1, le=40_000, description="items of the regression 'ease'; cosine beyond them"
    )
    ease_regularisation: float = Field(
        500.0, gt=0, description="its lambda, in squared weights; larger trusts the counts less"
    )
    ease_noise: float = Field(
        0.5, ge=0, le=10, description="its share of noise: larger trusts popular items less"
    )
    binary: bool = Field(False, description="every pair weighs 1, whatever the events")
    settle_events: int = Field(
        20_000_000,
        ge=1,
        description="from so many events on, sums of days that ingest.window_days leaves alone are "
        "kept for the next nights",
    )
    plan: Literal["broadcast", "replicate", "grid"] | None = Field(
        None, description="how the work is spread; null: by what was measured"
    )
    broadcast_mb: int = Field(
        64, ge=0, le=2_000, description="a matrix up to this size is sent whole to every executor"
    )
    task_mb: int = Field(
        2_000, ge=1, description="histories that a task may hold; beyond it users are cut in slices"
    )


class UserCfConfig(Section):
    k: int = Field(50, ge=1, le=10_000, description="most similar users of each user")
    max_users_per_item: int = Field(
        500, ge=1, description="an item leads only to so many users, those who wanted it most"
    )
    damping: float = Field(
        10.0, ge=0, description="added to squared lengths: larger trusts short histories less"
    )
