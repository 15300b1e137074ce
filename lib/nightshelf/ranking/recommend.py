"""The night's lists: candidates -> scores -> rules -> top-k -> reasons."""

from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.cf.interactions import pair_weights
from nightshelf.columns import EVENT_TYPE, ITEM, NEW_USER, USER
from nightshelf.config import FeedbackConfig, RecommendConfig
from nightshelf.feedback import positive_events
from nightshelf.ranking import candidates as found
from nightshelf.ranking.lists import blended, not_again, top_k
from nightshelf.ranking.reasons import with_reasons
from nightshelf.ranking.trending import by_category, ranked_catalogue, trending


@dataclass(frozen=True)
class Shop:
    """What the lists of a night are made of, all as of `ds`.

    events: silver.events up to ds. items: one row an item, with `available`. neighbours:
    gold.item_neighbours of ds. users: [user_id] that are known, each once.
    """

    ds: date
    events: DataFrame
    items: DataFrame
    neighbours: DataFrame
    users: DataFrame


def recommend(shop: Shop, config: RecommendConfig, feedback: FeedbackConfig) -> DataFrame:
    """[user_id, rank, item_id, score, source, reason, seed_item_id]: k items for each known user.

    Fewer only where the catalogue has no more that the user may be shown. One further list, under
    the user_id `__new__`, is for everyone without a history.
    """
    positives = shop.events.transform(positive_events(feedback.weights, feedback.positive_rating))
    available = shop.items.where("available").select(ITEM)
    catalogue = shop.items.transform(
        ranked_catalogue(
            positives.transform(
                trending(
                    shop.ds,
                    feedback.weights,
                    config.trending_half_life_days,
                    config.trending_days,
                )
            )
        )
    )
    seeds = positives.transform(
        pair_weights(
            as_of=shop.ds,
            event_weights=feedback.weights,
            half_life_days=config.half_life_days,
            max_items_per_user=config.recent_items,
        )
    )
    excluded = excluded_items(shop, config)
    from_cf = seeds.transform(
        found.from_neighbours(
            shop.neighbours.join(
                available.withColumnRenamed(ITEM, "neighbour_id"), "neighbour_id", "left_semi"
            ),
            config.candidates,
        )
    )
    from_categories = seeds.transform(
        found.from_categories(
            catalogue.transform(by_category(config.per_category)), shop.items, config.top_categories
        )
    )
    depth = excluded.groupBy(USER).agg(F.count("*").alias("excluded"))
    everyone = shop.users.unionByName(_new_user(shop.users))
    from_trend = everyone.transform(found.from_trend(catalogue, depth, config.k))
    weights = {
        found.ITEM_CF: 1.0,
        found.CATEGORY_TREND: config.category_weight,
        found.TREND: config.trending_weight,
        found.POPULAR: config.trending_weight,
        found.CATALOGUE: 0.0,
    }
    return (
        from_cf.unionByName(from_categories)
        .unionByName(from_trend)
        .join(excluded, [USER, ITEM], "left_anti")
        .transform(blended(weights))
        .transform(top_k(config.k))
        .transform(with_reasons(shop.items, positives))
    )


def excluded_items(shop: Shop, config: RecommendConfig) -> DataFrame:
    """[user_id, item_id] of what each user bought and shall not be shown again."""
    bought = (
        shop.events.where(F.col(EVENT_TYPE).isin(*config.bought_types))
        .where(F.lit(not config.repeatable))
        .select(USER, ITEM)
        .distinct()
    )
    return not_again(bought, shop.items, config.repeatable_categories)


def popular(shop: Shop, config: RecommendConfig, feedback: FeedbackConfig) -> DataFrame:
    """[user_id, item_id, rank]: the shop's all-time most wanted items, by the same rules.

    The baseline that lists are judged against.
    """
    positives = shop.events.transform(positive_events(feedback.weights, feedback.positive_rating))
    catalogue = shop.items.transform(
        ranked_catalogue(
            positives.transform(trending(shop.ds, feedback.weights, None, config.trending_days))
        )
    )
    excluded = excluded_items(shop, config)
    depth = excluded.groupBy(USER).agg(F.count("*").alias("excluded"))
    everyone = shop.users.unionByName(_new_user(shop.users))
    return (
        everyone.transform(found.from_trend(catalogue, depth, config.k))
        .join(excluded, [USER, ITEM], "left_anti")
        .transform(top_k(config.k))
    )


def _new_user(users: DataFrame) -> DataFrame:
    """One row for `__new__`, without a session at hand: a row of an aggregate is always there."""
    return users.agg(F.max(F.lit(NEW_USER)).alias("x")).select(F.lit(NEW_USER).alias(USER))
