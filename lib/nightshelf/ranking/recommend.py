"""The night's lists: candidates -> scores -> rules -> top-k -> reasons."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.cf.events import Weighing
from nightshelf.cf.histories import from_events, from_pairs, to_pairs
from nightshelf.cf.scoring import best_unseen
from nightshelf.cf.user_based import Likeness, best_of_similar_users
from nightshelf.columns import (
    DS,
    EVENT_TS,
    EVENT_TYPE,
    ITEM,
    NEIGHBOUR,
    RATING,
    SEED_ITEM,
    USER,
    WEIGHT,
    Transform,
)
from nightshelf.config import FeedbackConfig, RecommendConfig
from nightshelf.feedback import positive_events
from nightshelf.ranking import candidates as found
from nightshelf.ranking.diversity import diversified
from nightshelf.ranking.lists import not_again, top_k
from nightshelf.ranking.pool import pooled, rescored
from nightshelf.ranking.reasons import with_features, with_reasons
from nightshelf.ranking.trending import by_category, ranked_catalogue, trending

Tastes = Callable[[DataFrame, DataFrame, int], DataFrame]
"""(catalogue [item_id], excluded [user_id, item_id], n) -> the n best candidates of each user."""


@dataclass(frozen=True)
class Shop:
    """What is known of a shop as of `ds`.

    events: silver.events up to ds. items: one row an item, with `available`. users: [user_id] that
    are known, each once, and `__new__` for everyone else.
    """

    ds: date
    events: DataFrame
    items: DataFrame
    users: DataFrame


@dataclass(frozen=True)
class Finders:
    """What finds candidates, beside trends.

    neighbours: gold.item_neighbours of the day. likeness: who are similar users. tastes: what two
    towers find (`TwoTowers.tastes`), and texts: gold.text_neighbours, where there are any.
    """

    neighbours: DataFrame
    likeness: Likeness
    tastes: Tastes | None = None
    texts: DataFrame | None = None


@dataclass(frozen=True)
class Ingredients:
    """What the lists are made of; each frame is used several times.

    positives: the events that speak for their item. catalogue: [item_id, category, score,
    is_recent, rank]. histories: packed, of each user's newest items, in `parts`; seeds: the same as
    [user_id, item_id, weight]. excluded: [user_id, item_id] that a user's list leaves out. kept:
    what `keep` has persisted.
    """

    shop: Shop
    positives: DataFrame
    catalogue: DataFrame
    histories: DataFrame
    parts: int
    excluded: DataFrame
    kept: list[DataFrame] = field(default_factory=list)

    @property
    def seeds(self) -> DataFrame:
        """[user_id, item_id, weight]."""
        return self.histories.transform(to_pairs)

    @property
    def not_again(self) -> DataFrame:
        """`excluded`, packed like the histories."""
        return self.excluded.withColumn(WEIGHT, F.lit(1.0)).transform(from_pairs(self.parts))

    def frames(self) -> tuple[DataFrame, ...]:
        """The frames that are worth keeping while the lists are made."""
        return (
            self.shop.items,
            self.shop.users,
            self.positives,
            self.catalogue,
            self.histories,
            self.excluded,
        )

    def keep(self, *frames: DataFrame) -> None:
        """Persists the frames."""
        for frame in frames:
            self.kept.append(frame.persist())

    def release(self) -> None:
        """Frees what was kept."""
        while self.kept:
            self.kept.pop().unpersist()


def ingredients(shop: Shop, config: RecommendConfig, feedback: FeedbackConfig) -> Ingredients:
    """What the lists of `shop.ds` are made of."""
    positives = shop.events.transform(
        positive_events(feedback.weights, feedback.positive_rating)
    ).select(USER, ITEM, EVENT_TYPE, EVENT_TS, RATING, DS)  # all that is kept of them
    trend = trending(
        shop.ds, feedback.weights, config.trending_half_life_days, config.trending_days
    )
    parts = int(shop.events.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    weighing = Weighing(shop.ds, feedback.weights, None, config.half_life_days)
    return Ingredients(
        shop=shop,
        positives=positives,
        catalogue=shop.items.transform(ranked_catalogue(positives.transform(trend))),
        histories=positives.transform(
            from_events(weighing, max_items_per_user=config.recent_items, parts=parts)
        ),
        parts=parts,
        excluded=_excluded(shop, config),
    )


def recommend(
    made: Ingredients,
    finders: Finders,
    config: RecommendConfig,
    clicks: Transform | None = None,
    features: Transform | None = None,
) -> DataFrame:
    """[user_id, rank, item_id, score, source, reason, seed_item_id, features]: k for each user.

    Fewer only where the catalogue has no more that the user may be shown. `clicks` gives the
    probabilities of a ranking model (`RankingModel.clicks`), without which the blend of the sources
    ranks; `features` names what spoke for each row (`RankingModel.features`), without which that is
    null.
    """
    size = max(config.pool, config.k) if clicks else _enough(config)
    pool = _candidates(made, finders, config).transform(pooled(_weights(config), size))
    if clicks:
        made.keep(pool)  # scored, then joined with its scores
        pool = pool.transform(rescored(pool.transform(clicks), config.model_weight))
    lists = pool.transform(diversified(config.k, 1.0 - config.diversity, made.shop.items))
    lists = lists.transform(with_reasons(made.shop.items, made.positives))
    if features:
        made.keep(lists)  # explained, then joined with what explains it
    return lists.transform(with_features(features))


def _enough(config: RecommendConfig) -> int:
    """How many of the best a list is chosen from by the blend alone."""
    return max(config.pool, config.k) if config.diversity else config.k


def _candidates(made: Ingredients, finders: Finders, config: RecommendConfig) -> DataFrame:
    """What every source offers and the user may be shown."""
    offered = _from_neighbours(made, finders.neighbours, found.ITEM_CF, config)
    if config.user_cf_weight:
        offered = offered.unionByName(_from_user_cf(made, finders.likeness, config))
    if finders.texts is not None and config.text_weight:
        offered = offered.unionByName(_from_neighbours(made, finders.texts, found.TEXT, config))
    if finders.tastes and config.two_tower_weight:
        sold = made.catalogue.select(ITEM)
        offered = offered.unionByName(finders.tastes(sold, made.excluded, config.candidates))
    trends = made.catalogue.transform(by_category(config.per_category))
    from_categories = made.seeds.transform(
        found.from_categories(trends, made.shop.items, config.top_categories)
    )
    return (
        offered.unionByName(from_categories)
        .unionByName(_from_trend(made, made.catalogue, config))
        .join(made.excluded, [USER, ITEM], "left_anti")
    )


def _weights(config: RecommendConfig) -> dict[str, float]:
    """What each source's score counts for."""
    return {
        found.ITEM_CF: 1.0,
        found.USER_CF: config.user_cf_weight,
        found.TWO_TOWER: config.two_tower_weight,
        found.TEXT: config.text_weight,
        found.CATEGORY_TREND: config.category_weight,
        found.TREND: config.trending_weight,
        found.POPULAR: config.trending_weight,
        found.CATALOGUE: 0.0,
    }


def popular(made: Ingredients, config: RecommendConfig, feedback: FeedbackConfig) -> DataFrame:
    """[user_id, item_id, rank]: the shop's all-time most wanted items, by the same rules.

    The baseline that lists are judged against.
    """
    trend = trending(made.shop.ds, feedback.weights, None, config.trending_days)
    catalogue = made.shop.items.transform(ranked_catalogue(made.positives.transform(trend)))
    return (
        _from_trend(made, catalogue, config)
        .join(made.excluded, [USER, ITEM], "left_anti")
        .transform(top_k(config.k))
    )


def _from_neighbours(
    made: Ingredients, neighbours: DataFrame, source: str, config: RecommendConfig
) -> DataFrame:
    """Neighbours of a user's items, by the weights of these times the similarities."""
    sold = made.catalogue.select(F.col(ITEM).alias(NEIGHBOUR))
    wanted = neighbours.join(sold, NEIGHBOUR, "left_semi")
    lists = made.histories.transform(
        best_unseen(wanted, made.not_again, n=config.candidates, parts=made.parts)
    )
    return lists.transform(found.from_lists(source))


def _from_user_cf(made: Ingredients, likeness: Likeness, config: RecommendConfig) -> DataFrame:
    lists = made.histories.transform(
        best_of_similar_users(
            likeness,
            made.not_again,
            n=config.candidates,
            parts=made.parts,
            only=made.catalogue.select(ITEM),
        )
    )
    # Another shopper is no reason that can be shown.
    unnamed = lists.withColumn(SEED_ITEM, F.lit(None).cast("string"))
    return unnamed.transform(found.from_lists(found.USER_CF))


def _from_trend(made: Ingredients, catalogue: DataFrame, config: RecommendConfig) -> DataFrame:
    depth = made.excluded.groupBy(USER).agg(F.count("*").alias("excluded"))
    return made.shop.users.transform(found.from_trend(catalogue, depth, config.k))


def _excluded(shop: Shop, config: RecommendConfig) -> DataFrame:
    """[user_id, item_id] of what each user has and shall not be shown again."""
    bought = (
        shop.events.where(F.col(EVENT_TYPE).isin(*config.bought_types))
        .where(F.lit(not config.repeatable))
        .select(USER, ITEM)
        .distinct()
    )
    return not_again(bought, shop.items, config.repeatable_categories)
