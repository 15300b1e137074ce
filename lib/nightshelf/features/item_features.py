"""Features of items as of days: silver tables -> gold.item_features.

Frames meet by item: what is asked for, with what was told of the item and of the shop as of that
day, the events of each day and position, and the vectors of its texts.
"""

from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import BRAND, CATEGORY, DS, ITEM, PRICE, VECTOR, Transform
from nightshelf.config import FeedbackConfig
from nightshelf.config.model import FeaturesConfig
from nightshelf.features.daily import counted, with_first_days
from nightshelf.features.item_part import LAUNCH, ItemPart
from nightshelf.features.positions import click_curves, place
from nightshelf.features.told import TEXTS, facts, told_as_of
from nightshelf.parts import DAY, by_part
from nightshelf.tables import ITEM_FEATURES


@dataclass(frozen=True)
class Texts:
    """Vectors of items' texts: [item_id, ds, vector], one row a day on which a text changed.

    key: `text` and, behind a colon, which model made them; the same text has the same vector.
    """

    key: str
    vectors: DataFrame

    def as_of(self, day: date) -> DataFrame:
        """[item_id, vector]: before a day; of items that came later, by their first text."""
        earlier = F.when(F.col(DS) < F.lit(day), F.col(DS))
        before, first = F.max_by(VECTOR, earlier), F.min_by(VECTOR, DS)
        return self.vectors.groupBy(ITEM).agg(F.coalesce(before, first).alias(VECTOR))


def item_features(
    config: FeaturesConfig,
    feedback: FeedbackConfig,
    events: DataFrame,
    items: DataFrame,
    texts: Texts | None = None,
    opinions: DataFrame | None = None,
) -> Transform:
    """[item_id, ds] -> [gold.item_features]; one row a pair, the pairs unique.

    events, items: silver.events and silver.items. texts: vectors of the items' texts, where there
    are any. opinions: [item_id, ds, …], numbers of items that hold until the next day that tells
    them, such as how pleased their reviews are. A row holds what all of them tell up to its ds.
    click_through is clicks over the clicks to be expected of the item's impressions, by the shop's
    click rate at each one's position (Zhang and Jones 2007, "Comparing click logs and editorial
    labels for training query rewriting"), both decayed and smoothed by `features.click_prior`. The
    pairs are computed twice: cache what is costly.
    """
    told: DataFrame = facts(items)
    numbers: tuple[str, ...] = TEXTS
    if opinions is not None:
        told = told.unionByName(opinions, allowMissingColumns=True)
        numbers += tuple(name for name in opinions.columns if name not in (ITEM, DS))

    def transform(pairs: DataFrame) -> DataFrame:
        days = pairs.select(DS).distinct()
        curves = click_curves(days, events, config.half_life_days)
        of_items = events.where(F.col(ITEM).isNotNull())
        asked = (
            pairs.select(ITEM, DS)
            .transform(told_as_of(told, (CATEGORY, BRAND, PRICE, LAUNCH, *numbers)))
            .transform(with_first_days(events))
            .join(F.broadcast(curves), DS, "left")
            .withColumn(DAY, F.unix_date(DS))
            .withColumn(LAUNCH, F.unix_date(LAUNCH))
            .drop(DS)
        )
        daily = of_items.transform(counted((ITEM, place()), feedback))
        frames = [asked, daily]
        if texts:
            frames.append(texts.vectors.withColumn(DAY, F.unix_date(DS)).drop(DS))
        part = ItemPart(config, numbers, texts.key if texts else None)
        return by_part(frames, ITEM, part, ITEM_FEATURES.schema)

    return transform
