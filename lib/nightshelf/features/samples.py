"""What the ranking model learns from: silver.events -> gold.samples.

A shop that logs impressions has both answers: what was shown and clicked, and what was not. Others
have positives alone, and negatives are drawn for them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import (
    DS,
    EVENT_TS,
    EVENT_TYPE,
    ITEM,
    POSITION,
    RATING,
    SESSION,
    SOURCE_ROW,
    USER,
    WEIGHT,
    Transform,
)
from nightshelf.config import FeedbackConfig
from nightshelf.config.model import SamplesConfig, Task
from nightshelf.errors import ConfigError
from nightshelf.features.choices import EPOCH, Around, Choices, choices_of
from nightshelf.features.draws import BOUGHT, FIRST_TASK, ORIGINS, RATED, WANTED, Deeds, Ways, drawn
from nightshelf.sending import send
from nightshelf.tables import SAMPLES
from nightshelf.tables.hashing import string_hashes

IMPRESSION: Final = "impression"
AFTER_A_CLICK: Final = {"cart": ("cart", "purchase"), "purchase": ("purchase",)}
"""Where no impressions are logged: the events that tell that a task's deed was done.

Of other tasks it is any positive.
"""
ENTRIES_AT_ONCE: Final = 200_000

_DRAWN = (
    f"sample_id bigint, {USER} string, {ITEM} string, {WEIGHT} double, origin string, mask int, "
    f"{DS} date"
)

Batches = Iterable[pa.RecordBatch]
Step = Callable[[Batches], Batches]


def first_label_day(config: SamplesConfig, ds: date) -> date:
    """The first day whose samples the night of ds makes."""
    days = config.train_days + config.valid_days + config.test_days
    return ds - timedelta(days=days - 1)


def from_impressions(config: SamplesConfig, feedback: FeedbackConfig, ds: date) -> Transform:
    """[silver.events] -> gold.samples of the label days: a row an impression of an item.

    A task's label is 1 where the user did its deed with the item later in the same session. A deed
    counts for the item's last impression before it; of events at the same time, impressions come
    first, then by source_row. `like`: an event that feedback counts as a positive; other tasks:
    the event of that name. Impressions without any deed are kept with probability `keep_rate`, by
    a hash, and then weigh 1 / keep_rate.
    """
    visit = (USER, SESSION, ITEM)
    order = Window.partitionBy(*visit).orderBy(EVENT_TS, "is_deed", SOURCE_ROW)

    def transform(events: DataFrame) -> DataFrame:
        deeds = {task: _did(task, feedback) for task in config.tasks}
        told = (
            events.where(_in_window(config, ds) & F.col(ITEM).isNotNull())
            .withColumn("is_deed", F.col(EVENT_TYPE) != IMPRESSION)
            .withColumns({task: did.cast("double") for task, did in deeds.items()})
            .withColumn("shown", F.count(F.when(~F.col("is_deed"), 1)).over(order))
        )
        first = F.min(F.when(~F.col("is_deed"), F.struct(SOURCE_ROW, DS, POSITION))).alias("at")
        labels = [F.max(task).alias(task) for task in config.tasks]
        rows = (
            told.where(F.col("shown") > 0)
            .groupBy(*visit, "shown")
            .agg(first, *labels)
            .select(USER, ITEM, "at.*", *config.tasks)
        )
        is_deed = F.greatest(*config.tasks, F.lit(0.0)) > 0
        drawn_number = _unit(F.xxhash64(F.lit(config.seed), SOURCE_ROW))
        return (
            rows.where(is_deed | (drawn_number < config.keep_rate))
            .withColumn(WEIGHT, F.when(is_deed, 1.0).otherwise(1.0 / config.keep_rate))
            .withColumn("labels", _labels({task: F.col(task) for task in config.tasks}))
            .withColumn("sample_id", F.xxhash64(SOURCE_ROW, DS))
            .withColumn("origin", F.lit(IMPRESSION))
            .transform(_with_split(config, ds))
        )

    return transform


def from_events(
    config: SamplesConfig, feedback: FeedbackConfig, ds: date, around: Around
) -> Transform:
    """[silver.events] -> gold.samples of the label days: positives, and negatives for each of them.

    A positive is a (user, item, day) with a positive event, origin `event`, weight 1; unless the
    user had bought the item on an earlier day and it is not repeatable, since no list would show it
    then. A day with a rating below the positive ones instead is a real negative, origin `event`
    too. Of both only items count that were known the day before: no list could have had others.
    Labels: `like` and `click` are 1 for each positive, `cart` where it was put in the cart or
    bought, `purchase` where it was bought. A user has what they bought, also where `feedback` does
    not count a purchase as a positive: then it is no sample, but nothing that is drawn either.

    For each positive `negatives` items are drawn, a fixed share in each way: uniformly of the items
    known the day before; by their decayed positives up to the day before; and hard: a neighbour of
    one of the user's newest items as of the day before. Where there is nothing popular, or no
    neighbour, the draw is uniform. An item that the user has wanted, rated or bought up to that day
    is not taken and not replaced.

    weight: 1 / rate, the rate being how many draws of that (user, item, day) were to be expected,
    by all ways together: positives of the user's day * negatives * (share of uniform draws /
    known items + share of popular ones * popularity + share of hard ones * chance as a neighbour).
    So a user's day's weights add up, in expectation, to the items they did not choose (Hansen and
    Hurwitz 1943, with the balance heuristic of Veach and Guibas 1995); log(1 / weight) is what
    logQ correction takes off. A pair drawn twice has two rows.

    Reads the catalogue at once: for each item its id and, for each label day, 8 bytes.
    """
    ways = _ways(config, around.recent)
    first = first_label_day(config, ds)

    def transform(events: DataFrame) -> DataFrame:
        told = events.where((F.col(DS) <= F.lit(ds)) & F.col(ITEM).isNotNull())
        choices = choices_of(told, feedback, around, first, ds)
        task = _task(send(events.sparkSession.sparkContext, choices), ways)
        deeds = told.transform(_deeds(config, feedback, around.bought_types))
        labels = {
            name: F.col("mask").bitwiseAND(FIRST_TASK << n) / (FIRST_TASK << n)
            for n, name in enumerate(config.tasks)
        }
        return (
            deeds.groupBy(USER)
            .agg(F.collect_list(F.struct(ITEM, "day", "mask")).alias("deeds"), F.max(DS).alias(DS))
            .where(F.col(DS) >= F.lit(first))
            .select(USER, "deeds")
            .mapInArrow(task, _DRAWN)
            .withColumn(POSITION, F.lit(None).cast("int"))
            .withColumn("labels", _labels(labels))
            .transform(_with_split(config, ds))
        )

    return transform


def _did(task: Task, feedback: FeedbackConfig) -> Column:
    """Whether the event is the task's deed."""
    if task != "like":
        return F.col(EVENT_TYPE) == task
    types = sorted(kind for kind, weight in feedback.weights.items() if weight > 0)
    liked = (F.col(EVENT_TYPE) != "rating") | (F.col(RATING) >= feedback.positive_rating)
    return F.col(EVENT_TYPE).isin(types) & F.coalesce(liked, F.lit(False))


def _in_window(config: SamplesConfig, ds: date) -> Column:
    return F.col(DS).between(F.lit(first_label_day(config, ds)), F.lit(ds))


def _labels(labels: Mapping[Task, Column]) -> Column:
    entries = [part for name, label in labels.items() for part in (F.lit(name), label)]
    return F.create_map(*entries)


def _unit(hashed: Column) -> Column:
    """A number in [0, 1) from a BIGINT hash."""
    return F.shiftrightunsigned(hashed, 11) * F.lit(2.0**-53)


def _with_split(config: SamplesConfig, ds: date) -> Transform:
    """Adds which rows the model learns from, and selects the columns of gold.samples."""
    valid = ds - timedelta(days=config.valid_days + config.test_days - 1)
    test = ds - timedelta(days=config.test_days - 1)
    split = (
        F.when(F.col(DS) >= F.lit(test), "test")
        .when(F.col(DS) >= F.lit(valid), "valid")
        .otherwise("train")
    )
    names = [column.name for column in SAMPLES.columns]
    return lambda rows: rows.withColumn("split", split).select(*names)


def _ways(config: SamplesConfig, recent: int) -> Ways:
    shares = [config.draws.get(way, 0.0) for way in ("uniform", "popular", "hard")]
    total = sum(shares)
    if total <= 0:
        raise ConfigError(
            f"samples.draws: expected a share above 0, found {config.draws}; give uniform one"
        )
    return Ways(config.negatives, np.array(shares) / total, recent, config.seed)


def _deeds(
    config: SamplesConfig, feedback: FeedbackConfig, bought_types: Sequence[str]
) -> Transform:
    """[events of items] -> [user_id, item_id, ds, day, mask], one row for what a user did that day.

    Days that tell of nothing in the mask are left out.
    """
    kind = F.col(EVENT_TYPE)
    is_wanted = _did("like", feedback)
    is_bought = kind.isin(*bought_types)
    is_rated = (kind == "rating") & F.lit(feedback.weights.get("rating", 0) > 0)
    told = {WANTED: is_wanted, BOUGHT: is_bought, RATED: is_rated}
    for n, task in enumerate(config.tasks):
        done = kind.isin(*AFTER_A_CLICK[task]) if task in AFTER_A_CLICK else is_wanted
        told[FIRST_TASK << n] = done
    mask = [F.max(F.when(is_so, bit).otherwise(0)) for bit, is_so in told.items()]
    return lambda events: (
        events.where(reduce(or_, told.values()))
        .groupBy(USER, ITEM, DS)
        .agg(sum(mask[1:], mask[0]).alias("mask"))
        .withColumn("day", F.datediff(F.col(DS), F.lit(EPOCH)))
    )


def _task(choices: Broadcast[Choices], ways: Ways) -> Step:
    def task(batches: Batches) -> Batches:
        for batch in batches:
            ends = batch.column("deeds").offsets.to_numpy()
            start = 0
            while start < len(batch):
                stop = int(np.searchsorted(ends, ends[start] + ENTRIES_AT_ONCE))
                stop = min(max(stop, start + 1), len(batch))
                yield _sampled(batch.slice(start, stop - start), choices.value, ways)
                start = stop

    return task


def _sampled(batch: pa.RecordBatch, choices: Choices, ways: Ways) -> pa.RecordBatch:
    users, told = batch.column(USER), batch.column("deeds")
    lengths = pc.list_value_length(told).to_numpy()
    flat = told.flatten()
    item, day, mask = (flat.field(name) for name in (ITEM, "day", "mask"))
    owner = np.repeat(np.arange(len(batch)), lengths)
    place, days = choices.places(string_hashes(item)), day.to_numpy()
    order = np.lexsort((days, place, owner))
    deeds = Deeds(
        string_hashes(users),
        np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        place[order],
        days[order],
        mask.to_numpy()[order],
    )
    found = drawn(deeds, choices.shelf, ways)
    origins = pa.DictionaryArray.from_arrays(pa.array(found.origins), pa.array(ORIGINS))
    return pa.RecordBatch.from_arrays(
        [
            pa.array(found.identities),
            users.take(pa.array(found.users)),
            choices.ids.take(pa.array(found.items)),
            pa.array(found.weights),
            origins.cast(pa.string()),
            pa.array(found.masks),
            pa.array(found.days).cast(pa.date32()),
        ],
        ["sample_id", USER, ITEM, WEIGHT, "origin", "mask", DS],
    )
