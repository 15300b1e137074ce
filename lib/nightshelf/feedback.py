"""Which events tell that a user wanted an item, and how strongly."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import EVENT_TYPE, ITEM, RATING, Transform


def is_positive(weights: Mapping[str, float], positive_rating: float) -> Column:
    """Whether an event speaks for its item; not true (false or null) where it does not.

    An event counts when its type has a weight above 0 and names an item; a rating also has to reach
    `positive_rating`.
    """
    types = sorted(kind for kind, weight in weights.items() if weight > 0)
    return F.col(EVENT_TYPE).isin(types) & is_for_its_item(positive_rating)


def is_for_its_item(positive_rating: float) -> Column:
    """Whether an event names an item and, where it is a rating, reaches `positive_rating`."""
    liked = (F.col(EVENT_TYPE) != "rating") | (F.col(RATING) >= positive_rating)
    return F.col(ITEM).isNotNull() & liked


def positive_events(weights: Mapping[str, float], positive_rating: float) -> Transform:
    """[silver.events] -> the same columns, only the rows that speak for the item."""

    def transform(events: DataFrame) -> DataFrame:
        return events.where(is_positive(weights, positive_rating))

    return transform
