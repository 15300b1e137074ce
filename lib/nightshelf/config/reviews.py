"""The keys of reviews: how what users write becomes features of items."""

from typing import Self

from pydantic import Field, model_validator

from nightshelf.config.section import Section
from nightshelf.config.sources import Strings

ASPECTS: dict[str, Strings] = {
    "quality": ("quality", "made", "material", "materials", "fabric", "durable", "sturdy",
                "solid", "cheaply", "broke", "broken", "finish", "stitching"),
    "fit": ("fit", "fits", "fitted", "size", "sizes", "sizing", "small", "large", "tight",
            "loose", "length", "waist"),
    "look": ("look", "looks", "colour", "colours", "color", "colors", "style", "design",
             "pattern", "described", "picture", "photo"),
    "value": ("price", "priced", "value", "worth", "money", "cost", "expensive", "cheap",
              "overpriced", "bargain"),
    "delivery": ("delivery", "delivered", "shipping", "shipped", "arrived", "packaging",
                 "package", "late"),
}  # fmt: skip


class ReviewsConfig(Section):
    enabled: bool = Field(True, description="score reviews, and use the scores as features")
    aspects: dict[str, Strings] = Field(
        ASPECTS,
        description="what reviews speak of, by words that name it; each is an item's feature "
        "aspect_<name>",
    )
    displeased_rating: float = Field(
        2.0, description="reviews rated so or lower are learnt from as displeased"
    )
    min_rated: int = Field(
        256, ge=16, description="with fewer pleased and displeased reviews nothing is learnt"
    )
    max_rated: int = Field(131_072, ge=16, description="most reviews learnt from, the earliest")
    min_auc: float = Field(
        0.7, ge=0.5, le=1, description="of reviews held out; less: texts do not tell the ratings"
    )
    prior: float = Field(
        3.0, ge=0, description="reviews of the shop's mean that each item's score begins with"
    )

    @model_validator(mode="after")
    def _aspects_are_named(self) -> Self:
        wrong = [name for name, words in self.aspects.items() if not name.isidentifier()]
        empty = [name for name, words in self.aspects.items() if not words]
        if wrong or empty:
            raise ValueError(
                f"aspects: {', '.join([*wrong, *empty])}: expected a name of letters, digits and _ "
                "with at least one word"
            )
        return self
