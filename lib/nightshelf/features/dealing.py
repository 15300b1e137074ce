"""Rows dealt to row groups: evenly, shuffled by a hash, the same on every run."""

from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import DS
from nightshelf.errors import DataQualityError
from nightshelf.literals import frame_of
from nightshelf.placement import part_keys

BUCKETS = 4_096
GROUP, PLACE = "row_group", "place"

_KEY, _BUCKET, _BEFORE = "key", "bucket", "before"


@dataclass(frozen=True)
class Deal:
    """How the rows of a split are dealt: `rows` to `groups`, whose sizes differ by one at most."""

    split: str
    rows: int
    groups: int

    def sizes(self) -> list[int]:
        """The rows of each group."""
        return [len(range(group, self.rows, self.groups)) for group in range(self.groups)]


def in_groups(rows: DataFrame, deal: Deal) -> DataFrame:
    """Rows as `dealt` leaves them -> those of a split: partition n holds group n's, in order."""
    keys = F.array(*(F.lit(key) for key in part_keys(deal.groups)))
    return (
        rows.where(F.col("split") == deal.split)
        .withColumn("part", F.element_at(keys, F.col(GROUP) + 1))
        .repartition(deal.groups, "part")
        .sortWithinPartitions(PLACE)
    )


def deal(split: str, rows: int, rows_a_group: int, ranks: int) -> Deal:
    """A multiple of `ranks` groups of about `rows_a_group` rows, none of them empty.

    Raises DataQualityError for fewer rows than ranks.
    """
    if rows < ranks:
        raise DataQualityError(
            f"training set: expected at least one {split} row for each of {ranks} ranks, found "
            f"{rows}; set ctr.ranks to {max(rows, 1)} or take more days into samples"
        )
    wanted = round(rows / (rows_a_group * ranks))
    return Deal(split, rows, ranks * min(max(1, wanted), rows // ranks))


def dealt(
    samples: DataFrame, seed: int, rows_a_group: int, ranks: int
) -> tuple[DataFrame, list[Deal]]:
    """[split, ds, sample_id, …] -> the same with `row_group` and `place` in it, and the deals.

    Rows are ordered by a hash of the seed and the sample; the n-th goes to group n mod groups. The
    rows are counted at once, so they should be persisted.
    """
    key = F.xxhash64(F.lit(seed), DS, "sample_id")
    keyed = samples.withColumn(_KEY, key).withColumn(
        _BUCKET, F.shiftrightunsigned(_KEY, 64 - (BUCKETS.bit_length() - 1))
    )
    counts = keyed.groupBy("split", _BUCKET).count().orderBy("split", _BUCKET).collect()
    totals: dict[str, int] = {}
    starts = []
    for split, bucket, rows in counts:
        starts.append((split, bucket, totals.get(split, 0)))
        totals[split] = totals.get(split, 0) + rows
    deals = [
        deal(split, totals.get(split, 0), rows_a_group, ranks)
        for split in ("train", "valid", "test")
    ]
    before = frame_of(
        samples.sparkSession, starts, f"split string, {_BUCKET} bigint, {_BEFORE} bigint"
    )
    groups = F.coalesce(*(F.when(F.col("split") == d.split, d.groups) for d in deals))
    order = Window.partitionBy("split", _BUCKET).orderBy(_KEY, DS, "sample_id")
    index = F.col(_BEFORE) + F.row_number().over(order) - 1
    found = (
        keyed.join(F.broadcast(before), ["split", _BUCKET], "inner")
        .withColumn("index", index)
        .withColumn(GROUP, (F.col("index") % groups).cast("int"))
        .withColumn(PLACE, F.floor(F.col("index") / groups))
        .drop(_KEY, _BUCKET, _BEFORE, "index")
    )
    return found, deals
