"""Features of users as of days: silver tables -> gold.user_features.

Three frames meet by user: what is asked for, the counts of each session and day, and the positive
events, with what was told of their items. Everything is summed up day by day in the user's own
order, so that one pass over the history serves all the days asked for.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import (
    ATTRIBUTES,
    BRAND,
    CATEGORY,
    DS,
    EVENT_TS,
    EVENT_TYPE,
    EVENT_TYPES,
    ITEM,
    PRICE,
    SESSION,
    USER,
    Transform,
)
from nightshelf.config import FeedbackConfig
from nightshelf.config.model import FeaturesConfig
from nightshelf.features.daily import counted, with_first_days
from nightshelf.features.told import facts, told_since
from nightshelf.features.user_part import OWN, STAMP, UserPart
from nightshelf.feedback import positive_events
from nightshelf.parts import DAY, by_part
from nightshelf.tables import USER_FEATURES
from nightshelf.tables.as_of import changes
from nightshelf.tables.contract import STRING_MAP

_FACTS = (CATEGORY, BRAND, PRICE)


def user_features(
    config: FeaturesConfig,
    feedback: FeedbackConfig,
    events: DataFrame,
    items: DataFrame,
    users: DataFrame | None,
) -> Transform:
    """[user_id, ds] -> [gold.user_features]; one row a pair, the pairs unique.

    events, items, users: silver.events, silver.items and, where the shop has it, silver.users. A
    row holds what events and rows of items up to its ds tell, and the user's own newest row up to
    ds, but no sign-up later than ds. What was told of users on the first day of all holds before
    it, too, from their sign-up on: how they were earlier nobody knows. An item whose category,
    brand or price is told only after an event lends it to the event from that day on.
    """

    def transform(pairs: DataFrame) -> DataFrame:
        asked = pairs.select(USER, F.unix_date(DS).alias(DAY)).transform(with_first_days(events))
        by_session = (USER, F.xxhash64(SESSION).alias(SESSION))
        frames = [
            asked,
            events.transform(counted(by_session, feedback)),
            _deeds(feedback, events, items),
        ]
        if users is not None:
            frames.append(_people(users))
        make = UserPart(config, feedback.weights)
        return by_part(frames, USER, make, USER_FEATURES.schema)

    return transform


def _deeds(feedback: FeedbackConfig, events: DataFrame, items: DataFrame) -> DataFrame:
    """[user_id, day, stamp, item_id, type, facts of the item and since when]; a row a positive."""
    deeds = events.transform(positive_events(feedback.weights, feedback.positive_rating)).select(
        USER, ITEM, DS, EVENT_TYPE, EVENT_TS, F.col(PRICE).alias("paid")
    )
    told = deeds.select(ITEM, DS).distinct().transform(told_since(facts(items), _FACTS))
    has_paid = (F.col("paid") > 0) & ~F.isnan("paid")
    price_since = F.when(has_paid, F.col(DS)).otherwise(F.col("price_since"))
    return deeds.join(told, [ITEM, DS], "left").select(
        USER,
        F.unix_date(DS).alias(DAY),
        F.unix_micros(EVENT_TS).alias(STAMP),
        ITEM,
        _place(EVENT_TYPE).alias("type"),
        CATEGORY,
        F.unix_date("category_since").alias("category_since"),
        BRAND,
        F.unix_date("brand_since").alias("brand_since"),
        F.when(has_paid, F.col("paid")).otherwise(F.col(PRICE)).alias(PRICE),
        F.unix_date(price_since).alias("price_since"),
    )


def _place(kind: str) -> Column:
    """The place of an event type in EVENT_TYPES."""
    return (F.array_position(F.array(*map(F.lit, EVENT_TYPES)), F.col(kind)) - 1).cast("tinyint")


def _people(users: DataFrame) -> DataFrame:
    """[user_id, day, signed_up, attributes]: how a user is from a day on, attributes in order."""
    day, signed_up = F.unix_date(DS), F.unix_date("signup_date")
    first = users.agg(F.min(DS).alias("first"))
    since = F.when(F.col(DS) == F.col("first"), F.least(day, F.coalesce(signed_up, F.lit(0))))
    entries = F.map_entries(F.coalesce(ATTRIBUTES, F.create_map().cast(STRING_MAP)))
    told = F.filter(entries, lambda entry: entry["value"].isNotNull() & ~entry["key"].isin(*OWN))
    return (
        users.transform(changes)
        .crossJoin(F.broadcast(first))
        .select(
            USER,
            F.coalesce(since, day).alias(DAY),
            signed_up.alias("signed_up"),
            F.map_from_entries(F.array_sort(told)).alias(ATTRIBUTES),
        )
    )
