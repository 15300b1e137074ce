"""Column names, event types and the transform type that every package shares."""

from collections.abc import Callable
from typing import Final, TypeAlias

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

Transform: TypeAlias = Callable[[DataFrame], DataFrame]

DS: Final = "ds"
USER: Final = "user_id"
ITEM: Final = "item_id"
EVENT_TYPE: Final = "event_type"
EVENT_TS: Final = "event_ts"
QUANTITY: Final = "quantity"
PRICE: Final = "price"
RATING: Final = "rating"
QUERY: Final = "query"
POSITION: Final = "position"
PROPENSITY: Final = "propensity"
SEGMENT: Final = "segment"
SESSION: Final = "session_id"
SOURCE_ROW: Final = "source_row"

TITLE: Final = "title"
DESCRIPTION: Final = "description"
TEXT: Final = "text"
TEXT_HASH: Final = "text_hash"
REVIEW: Final = "review_id"
REVIEW_TS: Final = "review_ts"
SENTIMENT: Final = "sentiment"
ASPECTS: Final = "aspects"
REVIEWS: Final = "reviews"
PRAISE: Final = "praise"
CATEGORY: Final = "category"
STOCK: Final = "stock"
DELISTED: Final = "delisted"
ATTRIBUTES: Final = "attributes"

NUMBERS: Final = "numbers"
CATEGORIES: Final = "categories"
LOVED_CATEGORIES: Final = "loved_categories"
LOVED_BRANDS: Final = "loved_brands"
RECENT: Final = "recent"
VECTORS: Final = "vectors"
BRAND: Final = "brand"

WEIGHT: Final = "weight"
VECTOR: Final = "vector"

RANK: Final = "rank"
SCORE: Final = "score"
SOURCE: Final = "source"
REASON: Final = "reason"
RELEVANCE: Final = "relevance"
FEATURES: Final = "features"
SEED_ITEM: Final = "seed_item_id"
NEIGHBOUR: Final = "neighbour_id"
SIMILARITY: Final = "similarity"
CO_USERS: Final = "co_users"
MODEL_ID: Final = "model_id"
RUN_ID: Final = "run_id"

EVENT_TYPES: Final = ("impression", "view", "click", "cart", "purchase", "rating", "search")

NEW_USER: Final = "__new__"
"""The user_id under which the list for everyone without a history is published."""
NIGHTSHELF: Final = "nightshelf"
"""The model by which tables of figures tell of our own lists."""


def top_of_path(category: str) -> Column:
    """`Shoes` of the category `Shoes > Boots`."""
    return F.trim(F.split_part(category, F.lit(" > "), F.lit(1)))
