"""Events with the category of their item."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import CATEGORY, ITEM, Transform, top_of_path

NONE = "none"


def placed(items: DataFrame) -> Transform:
    """[silver.events] -> the same of events that name an item, and its category, `none` without.

    items [item_id, category], one row an item. Of a category that is a path, the top.
    """
    top = top_of_path(CATEGORY)
    tops = items.select(ITEM, F.when(top != "", top).alias(CATEGORY))
    return lambda events: (
        events.where(F.col(ITEM).isNotNull()).join(tops, ITEM, "left").fillna({CATEGORY: NONE})
    )
