"""What a user looked for lately, told by the texts of their newest items."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, EVENT_TS, ITEM, QUERY, TITLE, USER, Transform


def recent_titles(positives: DataFrame, titles: DataFrame, n: int) -> Transform:
    """[user_id, ds, …] -> the same with `query`: the titles of the user's n newest items before ds.

    positives [user_id, item_id, event_ts, ds]: what speaks for an item. titles [item_id, title]:
    one row each. Newest first, a line each. Rows of users without any are left out.
    """

    def transform(rows: DataFrame) -> DataFrame:
        asked = rows.select(USER, DS).distinct()
        before = positives.select(USER, ITEM, EVENT_TS, F.col(DS).alias("day"))
        newest = (
            asked.join(before, USER, "inner")
            .where(F.col("day") < F.col(DS))
            .groupBy(USER, DS, ITEM)
            .agg(F.max(EVENT_TS).alias("at"))
            .join(titles, ITEM, "inner")
            .groupBy(USER, DS)
            .agg(F.sort_array(F.collect_list(F.struct("at", ITEM, TITLE)), asc=False).alias("all"))
        )
        first = F.transform(F.slice("all", 1, n), lambda item: item[TITLE])
        told = newest.select(USER, DS, F.array_join(first, "\n").alias(QUERY))
        return rows.join(told, [USER, DS], "inner")

    return transform
